"""What changes over a run: the share of rollouts that a teacher guides, and the weight of the KL to the base."""

import math
from collections.abc import Callable, Sequence

# part of the way from the first share to the last, at x in [0, 1]
SHARE_CURVES: dict[str, Callable[[float], float]] = {
    "constant": lambda x: 0.0,
    "linear": lambda x: x,
    "cosine": lambda x: (1 - math.cos(math.pi * x)) / 2,
}
KL_RULES = ("constant", "rising")


def guided_share(
    step: int, *, rule: str, first: float, last: float, length: int, off_after: int | None = None
) -> float:
    """Return the share of rollouts that are guided at a step, counted from 0.  # [0, 1]

    It goes from `first` to `last` within `length` steps and stays there; length 0 is `last` at once. From step
    `off_after` on it is 0.

    >>> [round(guided_share(step, rule="linear", first=0.1, last=0.0, length=4), 3) for step in range(6)]
    [0.1, 0.075, 0.05, 0.025, 0.0, 0.0]
    """
    if off_after is not None and step >= off_after:
        return 0.0
    position = min(1.0, step / length) if length else 1.0
    return first + (last - first) * SHARE_CURVES[rule](position)


def kl_weight(step: int, steps: int, *, rule: str, most: float, least: float) -> float:
    """Return the KL's weight at a step, counted from 0: `most`, or clip(most x step / steps, least, most).

    The second never falls. A small weight lets the policy explore first, and a large one holds it the further it is.
    That it grows with the step and is bounded is OThink-MR1's (GRPO-D, arXiv:2503.16081); the formula is ours, because
    the paper's could not be found.

    >>> [kl_weight(step, 4, rule="rising", most=0.4, least=0.15) for step in range(5)]
    [0.15, 0.15, 0.2, 0.30000000000000004, 0.4]
    """
    return most if rule == "constant" else min(max(most * (step / steps), least), most)


def round_at_random(eligible: Sequence[int], share: float, chance: Callable[[], float]) -> int:
    """Return a number of rollouts whose mean is exactly share x eligible: the whole part, and one more by chance.

    ThinkTuning's released code takes max(1, whole part), which in groups below 10 turns every share into one rollout
    per group.

    Args:
        eligible: Places of the rollouts to choose from.
        share: In [0, 1].
        chance: Draws a number from [0, 1).

    >>> [round_at_random(range(5), 0.1, lambda: draw) for draw in (0.49, 0.51)]
    [1, 0]
    >>> round_at_random(range(5), 0.4, lambda: 0.9)
    2
    """
    expected = share * len(eligible)
    whole = math.floor(expected + 1e-9)
    return whole + (chance() < expected - whole - 1e-9)
