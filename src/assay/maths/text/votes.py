"""Votes of several answers to one problem without a gold answer: clusters of equal answers, their sizes and weights."""

from collections.abc import Sequence
from dataclasses import dataclass

from assay.maths.text.words import answer_value


@dataclass(frozen=True, slots=True)
class AnswerCluster:
    """Answers that are equal as values."""

    answer: str  # the first of them, in the order of texts
    votes: int
    weight: float


def answer_clusters(
    answers: Sequence[str], weights: Sequence[float] | None = None, *, top: int = 0
) -> list[AnswerCluster]:
    """The `top` largest clusters (0 = all), heaviest first; with equal weights the heaviest is the majority.

    Numbers are equal by value ("1,000" and "1000.0"), other answers by normal form. Empty answers do not vote. The
    `top` clusters by size are ordered by weight, size and text, so ties do not depend on the order of votes.

    Raises:
        ValueError: the number of weights differs from that of the answers, or one is negative.

    Source: solution-cluster re-ranking, arXiv:2310.10047: 64 samples, the 8 largest clusters, the sum of the members'
    scores decides.

    >>> [(cluster.answer, cluster.votes) for cluster in answer_clusters(["4", "4.0", "5", ""])]
    [('4', 2), ('5', 1)]
    >>> answer_clusters(["4", "4", "5"], [0.1, 0.2, 0.9])[0].answer
    '5'
    """
    vote_weights = [1.0] * len(answers) if weights is None else list(weights)
    if len(vote_weights) != len(answers):
        raise ValueError(f"{len(vote_weights)} weights for {len(answers)} answers")
    if vote_weights and min(vote_weights) < 0:
        raise ValueError(f"weights must not be negative, found {min(vote_weights)}")
    groups: dict[object, list[tuple[str, float]]] = {}
    for answer, weight in zip(answers, vote_weights, strict=True):
        if answer.strip():
            groups.setdefault(answer_value(answer), []).append((answer, weight))
    clusters = [
        AnswerCluster(min(text for text, _ in group), len(group), sum(sorted(weight for _, weight in group)))
        for group in groups.values()
    ]
    largest = sorted(clusters, key=lambda cluster: (-cluster.votes, cluster.answer))[: top or None]
    return sorted(largest, key=lambda cluster: (-cluster.weight, -cluster.votes, cluster.answer))


def answers_agree(left: str, right: str) -> bool:
    """Whether two answers are equal and not empty.

    >>> answers_agree("0.5", "1/2"), answers_agree("", "")
    (True, False)
    """
    return bool(left.strip()) and answer_value(left) == answer_value(right)
