"""Filters on problems in one line, and a bench whose rooms are scripted."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pytest

from assay.core.ports import FilterContext
from assay.core.types import Drop, GradingCase, Label, Policy, Problem, Request, Rollout, SamplingConfig, Verdict

Pairs = Sequence[tuple[Problem | str, str]]


class Reads:
    """A judge that reads every answer that is a whole number, and finds it right when the attempt says nothing else, boxed or not."""

    def reads(self, labels: Sequence[Label]) -> list[bool]:
        return [label.answer.lstrip("-").isdigit() for label in labels]

    def judge(self, cases: Sequence[GradingCase]) -> list[Verdict]:
        return [self._judge(case) for case in cases]

    def _judge(self, case: GradingCase) -> Verdict:
        said = case.rollout.text.removeprefix("\\boxed{").removesuffix("}")
        right = self.reads([case.label])[0] and said == case.label.answer
        return Verdict.of(
            case,
            verifier="math",
            version="1",
            outcome="correct" if right else "wrong",
            reason="" if right else "no number",
        )

    def version(self, verifier: str) -> str:
        return "1"


class Bags:
    """An encoder that sees how often each letter and digit stands in a text."""

    revision = "bags"

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        rows = np.array(
            [
                [1.0, *(text.casefold().count(letter) for letter in "abcdefghijklmnopqrstuvwxyz0123456789")]
                for text in texts
            ]
        )
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


class Brute:
    """Neighbours by one matrix product."""

    def above(self, queries: np.ndarray, rows: np.ndarray, threshold: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for cosines in queries @ rows.T:
            found = np.flatnonzero(cosines >= threshold - 1e-6)
            yield found, cosines[found]


class Words:
    """A tokenizer whose tokens are words."""

    def count(self, problems: Sequence[Problem]) -> list[int]:
        return [len(each.text.split()) for each in problems]


class Says:
    """A policy that says what it is told to, by problem text; an answer of None is a failure of the verifier."""

    def __init__(self, said: Mapping[str, Sequence[str | None]]) -> None:
        self.said, self.changes = said, list[Mapping[str, object]]()

    def ask(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], n: int, changes: Mapping[str, object]
    ):
        self.changes.append(changes)
        return {
            each.id: [
                self._verdict(each, labels[each.id][0], *pair) for pair in enumerate(self.said.get(each.text, [])[:n])
            ]
            for each in problems
            if labels.get(each.id)
        }

    def _verdict(self, problem: Problem, label: Label, sample: int, said: str | None) -> Verdict:
        request = Request(problem.id, problem.messages, SamplingConfig(), (sample,), 0)
        rollout = Rollout.of(
            request, sample, policy=Policy("p", "p"), engine="says", text=said or "", tokens=1, finish="stop"
        )
        outcome = "verifier_error" if said is None else "correct" if said == label.answer else "wrong"
        return Verdict.of(
            GradingCase(problem, label, rollout), verifier="math", version="1", outcome=outcome, extracted=said or ""
        )


def bench_of(
    said: Mapping[str, Sequence[str | None]] | None = None, benchmarks: Mapping[str, Sequence[Problem]] | None = None
) -> FilterContext:
    """A bench with every room scripted."""
    held = {"a test set": [Problem.of("Which bird sings at night beside the old mill?")]}
    return FilterContext(Reads(), Bags(), Brute(), Words(), Says(said or {}), benchmarks or held)


def given(pairs: Pairs) -> tuple[list[Problem], dict[str, list[Label]]]:
    """Problems with labels; a problem met twice has two."""
    problems: dict[str, Problem] = {}
    labels: dict[str, list[Label]] = {}
    for asked, answer in pairs:
        problem = Problem.of(asked) if isinstance(asked, str) else asked
        problems[problem.id] = problem
        labels.setdefault(problem.id, []).append(Label.of(problem.id, answer, verifier="math"))
    return list(problems.values()), labels


def sift_pairs(part, pairs: Pairs, bench: FilterContext | None = None) -> dict[str, Drop]:
    """The drops of (problem or prompt, answer) pairs by problem id; a problem met twice has two labels."""
    drops = [each for each in part.sift(*given(pairs), bench or bench_of()) if isinstance(each, Drop)]
    by_id = {drop.problem_id: drop for drop in drops}
    assert len(by_id) == len(drops)
    return by_id


@pytest.fixture(scope="session")
def sift() -> Callable[..., Mapping[str, Drop]]:
    return sift_pairs


@pytest.fixture(scope="session")
def pairs_of() -> Callable[[Pairs], tuple[list[Problem], dict[str, list[Label]]]]:
    return given


@pytest.fixture(scope="session")
def rooms() -> Callable[..., FilterContext]:
    return bench_of


@pytest.fixture(scope="session")
def scripted() -> FilterContext:
    return bench_of()
