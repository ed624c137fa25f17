"""Filters on problems in one line, and a filter context whose parts are scripted."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pytest

from assay.core.ports import FilterContext
from assay.core.types import Drop, GradingCase, Label, Policy, Problem, Request, Rollout, SamplingConfig, Verdict

Pairs = Sequence[tuple[Problem | str, str]]


class WholeNumberJudge:
    """A judge that reads whole numbers, and accepts an attempt that holds nothing but the number, boxed or not."""

    def reads(self, labels: Sequence[Label]) -> list[bool]:
        return [label.answer.lstrip("-").isdigit() for label in labels]

    def judge(self, cases: Sequence[GradingCase]) -> list[Verdict]:
        return [self._judge(case) for case in cases]

    def _judge(self, case: GradingCase) -> Verdict:
        text = case.rollout.text.removeprefix("\\boxed{").removesuffix("}")
        right = self.reads([case.label])[0] and text == case.label.answer
        return Verdict.of(
            case,
            verifier="math",
            version="1",
            outcome="correct" if right else "wrong",
            reason="" if right else "no number",
        )

    def version(self, verifier: str) -> str:
        return "1"


class LetterCounts:
    """An encoder that counts each letter and digit of a text."""

    revision = "bags"

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        rows = np.array(
            [
                [1.0, *(text.casefold().count(letter) for letter in "abcdefghijklmnopqrstuvwxyz0123456789")]
                for text in texts
            ]
        )
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


class ProductNeighbours:
    """Neighbours by one matrix product."""

    def above(self, queries: np.ndarray, rows: np.ndarray, threshold: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for cosines in queries @ rows.T:
            rows_above = np.flatnonzero(cosines >= threshold - 1e-6)
            yield rows_above, cosines[rows_above]


class WordTokenizer:
    """A tokenizer whose tokens are words."""

    def count(self, problems: Sequence[Problem]) -> list[int]:
        return [len(problem.text.split()) for problem in problems]


class ScriptedPolicy:
    """A policy with fixed answers by problem text; an answer of None is a failure of the verifier."""

    def __init__(self, answers: Mapping[str, Sequence[str | None]]) -> None:
        self.answers, self.changes = answers, list[Mapping[str, object]]()

    def ask(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], n: int, changes: Mapping[str, object]
    ):
        self.changes.append(changes)
        return {
            problem.id: [
                self._verdict(problem, labels[problem.id][0], sample, answer)
                for sample, answer in enumerate(self.answers.get(problem.text, [])[:n])
            ]
            for problem in problems
            if labels.get(problem.id)
        }

    def _verdict(self, problem: Problem, label: Label, sample: int, answer: str | None) -> Verdict:
        request = Request(problem.id, problem.messages, SamplingConfig(), (sample,), 0)
        rollout = Rollout.of(
            request, sample, policy=Policy("p", "p"), engine="says", text=answer or "", tokens=1, finish="stop"
        )
        outcome = "verifier_error" if answer is None else "correct" if answer == label.answer else "wrong"
        return Verdict.of(
            GradingCase(problem, label, rollout), verifier="math", version="1", outcome=outcome, extracted=answer or ""
        )


def build_context(
    answers: Mapping[str, Sequence[str | None]] | None = None, benchmarks: Mapping[str, Sequence[Problem]] | None = None
) -> FilterContext:
    """A filter context with every part scripted."""
    default = {"a test set": [Problem.of("Which bird sings at night beside the old mill?")]}
    return FilterContext(
        WholeNumberJudge(),
        LetterCounts(),
        ProductNeighbours(),
        WordTokenizer(),
        ScriptedPolicy(answers or {}),
        benchmarks or default,
    )


def build_problems(pairs: Pairs) -> tuple[list[Problem], dict[str, list[Label]]]:
    """Problems with their labels; a problem that occurs twice has two."""
    problems: dict[str, Problem] = {}
    labels: dict[str, list[Label]] = {}
    for prompt, answer in pairs:
        problem = Problem.of(prompt) if isinstance(prompt, str) else prompt
        problems[problem.id] = problem
        labels.setdefault(problem.id, []).append(Label.of(problem.id, answer, verifier="math"))
    return list(problems.values()), labels


def sift_pairs(part, pairs: Pairs, context: FilterContext | None = None) -> dict[str, Drop]:
    """The drops of (problem or prompt, answer) pairs by problem id; a problem that occurs twice has two labels."""
    drops = [item for item in part.sift(*build_problems(pairs), context or build_context()) if isinstance(item, Drop)]
    by_id = {drop.problem_id: drop for drop in drops}
    assert len(by_id) == len(drops)
    return by_id


@pytest.fixture(scope="session")
def sift() -> Callable[..., Mapping[str, Drop]]:
    return sift_pairs


@pytest.fixture(scope="session")
def pairs_of() -> Callable[[Pairs], tuple[list[Problem], dict[str, list[Label]]]]:
    return build_problems


@pytest.fixture(scope="session")
def build_filter_context() -> Callable[..., FilterContext]:
    return build_context


@pytest.fixture(scope="session")
def scripted() -> FilterContext:
    return build_context()
