"""Filters on problems in one line."""

from collections.abc import Callable, Mapping, Sequence

import pytest

from assay.core.ports import Bench
from assay.core.types import Drop, Label, Problem

Pairs = Sequence[tuple[Problem | str, str]]


class Reads:
    """A judge that reads every answer that is a whole number."""

    def reads(self, labels: Sequence[Label]) -> list[bool]:
        return [label.answer.lstrip("-").isdigit() for label in labels]

    def judge(self, cases):
        raise NotImplementedError

    def version(self, verifier: str) -> str:
        return "1"


def sift_pairs(part, pairs: Pairs) -> dict[str, Drop]:
    """The drops of (problem or prompt, answer) pairs by problem id; a problem met twice has two labels."""
    problems: dict[str, Problem] = {}
    labels: dict[str, list[Label]] = {}
    for asked, answer in pairs:
        problem = Problem.of(asked) if isinstance(asked, str) else asked
        problems[problem.id] = problem
        labels.setdefault(problem.id, []).append(Label.of(problem.id, answer, verifier="math"))
    drops = part.sift(list(problems.values()), labels, Bench(judge=Reads()))
    by_id = {drop.problem_id: drop for drop in drops}
    assert len(by_id) == len(drops)
    return by_id


@pytest.fixture(scope="session")
def sift() -> Callable[..., Mapping[str, Drop]]:
    return sift_pairs
