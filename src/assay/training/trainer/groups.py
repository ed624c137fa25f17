"""What a step's groups are, and which of them failed."""

from collections.abc import Sequence

from assay.core.types import Rollout, Verdict


def grouped(rollouts: Sequence[Rollout]) -> list[list[int]]:
    """The places of each group's rollouts, groups in their order."""
    groups: dict[str | None, list[int]] = {}
    for place, rollout in enumerate(rollouts):
        groups.setdefault(rollout.group, []).append(place)
    return list(groups.values())


def failed(group: Sequence[int], verdicts: Sequence[Verdict]) -> bool:
    """Whether every rollout of a group is known to be wrong; one that could not be judged is not known to be."""
    return all(verdicts[place].outcome not in ("correct", "verifier_error") for place in group)
