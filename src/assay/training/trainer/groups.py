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
