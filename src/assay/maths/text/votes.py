"""What several answers to one problem say where nobody knows the right one: clusters of equal answers, their sizes and weights."""

from collections.abc import Sequence
from dataclasses import dataclass

from assay.maths.text.words import answer_value


@dataclass(frozen=True, slots=True)
class Cluster:
    """Answers that are equal as values."""

    answer: str  # the first of them, in the order of texts
    votes: int
    weight: float


def clusters(answers: Sequence[str], weights: Sequence[float] | None = None, *, top: int = 0) -> list[Cluster]:
    """The `top` largest clusters (0 = all), heaviest first; with equal weights the heaviest is the majority.

    Numbers are equal by value ("1,000" and "1000.0"), other answers by normal form. Empty answers are no votes. Clusters are cut to
    the `top` by size, then ordered by weight, size and text, so that ties have one answer whatever the order of votes.

    Raises:
        ValueError: not one weight an answer, or a negative one.

    Source: solution-cluster re-ranking, arXiv:2310.10047: 64 samples, the 8 largest clusters, the sum of the members' scores decides.

    >>> [(each.answer, each.votes) for each in clusters(["4", "4.0", "5", ""])]
    [('4', 2), ('5', 1)]
    >>> clusters(["4", "4", "5"], [0.1, 0.2, 0.9])[0].answer
    '5'
    """
    given = [1.0] * len(answers) if weights is None else list(weights)
    if len(given) != len(answers):
        raise ValueError(f"{len(given)} weights for {len(answers)} answers")
    if given and min(given) < 0:
        raise ValueError(f"a weight of {min(given)} is negative")
    groups: dict[object, list[tuple[str, float]]] = {}
    for answer, weight in zip(answers, given, strict=True):
        if answer.strip():
            groups.setdefault(answer_value(answer), []).append((answer, weight))
    found = [
        Cluster(min(text for text, _ in group), len(group), sum(sorted(weight for _, weight in group)))
        for group in groups.values()
    ]
    largest = sorted(found, key=lambda each: (-each.votes, each.answer))[: top or None]
    return sorted(largest, key=lambda each: (-each.weight, -each.votes, each.answer))


def agree(one: str, other: str) -> bool:
    """Whether two answers are equal and not empty.

    >>> agree("0.5", "1/2"), agree("", "")
    (True, False)
    """
    return bool(one.strip()) and answer_value(one) == answer_value(other)
