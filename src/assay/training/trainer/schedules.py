"""What changes over a run: how much a teacher helps, and how strongly the policy is held to its base."""

import math
from collections.abc import Callable, Sequence

SHARES: dict[
    str, Callable[[float], float]
] = {  # of the way from the first share to the last, at x of the schedule's length
    "constant": lambda x: 0.0,
    "linear": lambda x: x,
    "cosine": lambda x: (1 - math.cos(math.pi * x)) / 2,
}
KL_RULES = ("constant", "rising")


def share_at(step: int, *, rule: str, first: float, last: float, length: int, off_after: int | None = None) -> float:
    """The share of rollouts that are guided at a step, counted from 0; 0 from step `off_after` on.  # [0, 1]

    It goes from `first` to `last` within `length` steps and stays there; length 0 is `last` at once.

    >>> [round(share_at(step, rule="linear", first=0.1, last=0.0, length=4), 3) for step in range(6)]
    [0.1, 0.075, 0.05, 0.025, 0.0, 0.0]
    """
    if off_after is not None and step >= off_after:
        return 0.0
    done = min(1.0, step / length) if length else 1.0
    return first + (last - first) * SHARES[rule](done)


def kl_weight(step: int, steps: int, *, rule: str, most: float, least: float) -> float:
    """The weight of the KL at a step, counted from 0: `most` throughout, or clip(most x step / steps, least, most), which never falls.

    Little holds the policy while it explores, and more the further it is. That it grows with the step and is bounded is
    OThink-MR1's (GRPO-D, arXiv:2503.16081); the formula is ours, because the paper's could not be found.

    >>> [kl_weight(step, 4, rule="rising", most=0.4, least=0.15) for step in range(5)]
    [0.15, 0.15, 0.2, 0.30000000000000004, 0.4]
    """
    return most if rule == "constant" else min(max(most * (step / steps), least), most)


def how_many(eligible: Sequence[int], share: float, chance: Callable[[], float]) -> int:
    """A number of rollouts whose expectation is exactly share x eligible: the whole part, and one more by chance.

    ThinkTuning's released code takes max(1, whole part), which in groups below 10 turns every share into one rollout a group.

    >>> [how_many(range(5), 0.1, lambda: draw) for draw in (0.49, 0.51)], how_many(range(5), 0.4, lambda: 0.9)
    ([1, 0], 2)
    """
    wanted = share * len(eligible)
    whole = math.floor(wanted + 1e-9)
    return whole + (chance() < wanted - whole - 1e-9)
