"""Find a step's groups (rollouts of one problem that share a baseline), and the groups in which everything failed."""

from collections.abc import Sequence

from assay.core.types import Rollout, Verdict


def group_places(rollouts: Sequence[Rollout]) -> list[list[int]]:
    """Return the places of each group's rollouts, groups in order of their first rollout."""
    groups: dict[str | None, list[int]] = {}
    for place, rollout in enumerate(rollouts):
        groups.setdefault(rollout.group, []).append(place)
    return list(groups.values())


def all_wrong(places: Sequence[int], verdicts: Sequence[Verdict]) -> bool:
    """Return whether every rollout at these places is known to be wrong; one that could not be judged is not."""
    return all(verdicts[place].outcome not in ("correct", "verifier_error") for place in places)


def correctness_advantage(correct: Sequence[bool], *, divides: bool) -> float:
    """Return the mean |advantage| of a group whose rewards are 1 for correct and 0 for all else, as TRL computes it.

    Args:
        correct: of each judged rollout.
        divides: whether advantages are divided by the group's standard deviation, over G - 1, plus 1e-4.
    """
    if len(correct) < 2:
        return 0.0
    share = sum(correct) / len(correct)
    size = 2 * share * (1 - share)
    return size / ((share * (1 - share) * len(correct) / (len(correct) - 1)) ** 0.5 + 1e-4) if divides else size
