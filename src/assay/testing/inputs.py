"""Scripted inputs of the contract suites: a judge, attempts, a policy, problems of every awkward kind, and pools."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.ports import FilterContext
from assay.core.tree_search import SearchConfig, SearchResult
from assay.core.types import (
    Counts,
    GradingCase,
    Label,
    Outcome,
    Policy,
    Pool,
    Problem,
    Request,
    Rollout,
    SamplingConfig,
    StoredAttempt,
    Verdict,
)

MIXED = (0, 1, 2, 3, 4, 5, 6, 7, 8) * 5
POOLS = {
    "mixed": MIXED,
    "one": (4,),
    "alike": (4,) * 10,
    "unsolved": (0,) * 10,
    "solved": (8,) * 10,
    "none": (),
}  # right answers of 8


class ExactJudge:
    """A judge that reads whole numbers, and finds an answer right when its last word is the gold answer."""

    def reads(self, labels: Sequence[Label]) -> list[bool]:
        return [label.answer.lstrip("-").isdigit() for label in labels]

    def judge(self, cases: Sequence[GradingCase]) -> list[Verdict]:
        return [self._judge(case) for case in cases]

    def version(self, verifier: str) -> str:
        return "1"

    def _judge(self, case: GradingCase) -> Verdict:
        right = case.rollout.text.split()[-1:] == [case.label.answer]
        return Verdict.of(case, verifier="exact", version="1", outcome="correct" if right else "wrong")


class RecordedEvidence:
    """Attempts whose outcomes follow from a problem's own id: half of the problems are easier than the others."""

    def draw(self, n_attempts: Mapping[str, int]) -> Mapping[str, Counts]:
        return {id_: self._draw_counts(id_, n) for id_, n in n_attempts.items()}

    def _draw_counts(self, id_: str, n: int) -> Counts:
        digest = hashlib.sha256(id_.encode()).digest()
        if digest[0] < 20:
            return Counts()
        outcomes = ["correct" if byte < digest[1] else "wrong" for byte in digest[2 : 2 + n]]
        outcomes[:1] = ["truncated" if digest[3] < 60 else outcomes[0]]
        return Counts(**Counter(outcomes))

    def search(self, ids: Sequence[str], rules: SearchConfig) -> Mapping[str, SearchResult]:
        return {id_: self._search_one(id_, rules) for id_ in ids if self._draw_counts(id_, 8).total}

    def draw_attempts(
        self, n_attempts: Mapping[str, int], changes: Mapping[str, Any], policy: str = ""
    ) -> Mapping[str, Sequence[StoredAttempt]]:
        return {id_: self._list_attempts(id_, n) for id_, n in n_attempts.items()}

    def count_responses(self, ids: Sequence[str]) -> Mapping[str, Mapping[str, Counts]]:
        responses = {
            respondent: {
                id_: self._draw_counts(f"{respondent}{id_}", 8) for id_ in ids if self._draw_counts(id_, 8).total
            }
            for respondent in ("", "weak", "strong")
        }
        return {
            respondent: {id_: counts if counts.total else Counts(wrong=8) for id_, counts in by_problem.items()}
            for respondent, by_problem in responses.items()
        }

    def _search_one(self, id_: str, rules: SearchConfig) -> SearchResult:
        solved_at = hashlib.sha256(id_.encode()).digest()[1] % (2 * rules.iterations) + 1
        iterations = min(solved_at, rules.iterations)
        return SearchResult(
            id_,
            iterations,
            solved_at if solved_at <= iterations else None,
            Counts(correct=int(solved_at <= iterations), wrong=iterations - (solved_at <= iterations)),
            9 * iterations,
        )

    def _list_attempts(self, id_: str, n: int) -> list[StoredAttempt]:
        counts = self._draw_counts(id_, n)
        outcomes: list[Outcome] = []
        outcomes += ["correct"] * counts.correct
        outcomes += ["wrong"] * counts.wrong
        outcomes += ["truncated"] * counts.truncated
        logprobs = (-0.25, -0.5)
        return [
            StoredAttempt(i, outcome, "7" if outcome == "correct" else str(i), 5 + i, "stop", logprobs)
            for i, outcome in enumerate(outcomes)
        ]


class MatrixSearch:
    """Neighbours by one matrix product."""

    def above(
        self, queries: NDArray[Any], rows: NDArray[Any], threshold: float
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        for cosines in queries @ rows.T:
            rows_above = np.flatnonzero(cosines >= threshold - 1e-6)
            yield rows_above, cosines[rows_above]


class CharacterTokenizer:
    """A tokenizer whose tokens are characters."""

    def count(self, problems: Sequence[Problem]) -> list[int]:
        return [len(problem.text) for problem in problems]


class ScriptedPolicy:
    """A policy that answers 3 to every problem with an odd digest, and otherwise something new each time."""

    def ask(
        self, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], n: int, changes: Mapping[str, Any]
    ) -> Mapping[str, Sequence[Verdict]]:
        return {
            problem.id: [self._judge_sample(problem, labels[problem.id][0], sample) for sample in range(n)]
            for problem in problems
            if labels.get(problem.id)
        }

    def _judge_sample(self, problem: Problem, label: Label, sample: int) -> Verdict:
        text = "3" if hashlib.sha256(problem.id.encode()).digest()[0] % 2 else str(1000 + sample)
        request = Request(problem.id, problem.messages, SamplingConfig(), (sample,), 0)
        rollout = Rollout.of(
            request, sample, policy=Policy("p", "p"), engine="asked", text=text, tokens=1, finish="stop"
        )
        outcome: Outcome = "correct" if text == label.answer else "wrong"
        return Verdict.of(
            GradingCase(problem, label, rollout), verifier="exact", version="1", outcome=outcome, extracted=text
        )


def filter_context() -> FilterContext:
    """Return everything that a filter may borrow, scripted; the encoder is TF-IDF."""
    from assay.embedding.tfidf import Tfidf

    benchmark = [
        Problem.of("Ada has 7 apples and buys 9 more. How many now?"),
        Problem.of("A question about trains and boats that stands in no pool of ours."),
    ]
    return FilterContext(
        judge=ExactJudge(),
        encoder=Tfidf(("1 2 3 apples are left", "how many")),
        neighbours=MatrixSearch(),
        tokenizer=CharacterTokenizer(),
        policy=ScriptedPolicy(),
        benchmarks={"a test set": benchmark},
    )


def scripted_problems() -> tuple[list[Problem], dict[str, list[Label]]]:
    """Return good problems, and one of each kind to which a filter may object, with their labels."""
    texts = [f"Ada has {n} apples and buys {n + 2} more. How many now?" for n in range(12)]
    texts += [
        "",
        "   ",
        "Ada  has 3 apples and buys 5 more. How many now? ",
        "Ada has 4 apples and buys 6 more.\nHow many now?",
    ]
    texts += [
        "数学の問題です。3と4の和は何ですか。",
        "Is it true? Answer yes or no.",
        "x" * 20_000,
        "What is $2^{2^{2}}$?",
    ]
    problems = [Problem.of(text, source="scripted") for text in texts]
    answers = [str(index % 7) for index, _ in enumerate(problems)]
    answers[1], answers[2] = "", "no number"
    labels = {
        problem.id: [Label.of(problem.id, answer, verifier="exact")]
        for problem, answer in zip(problems, answers, strict=True)
    }
    labels[problems[5].id].append(Label.of(problems[5].id, "999", verifier="exact"))
    return problems, labels


def make_column(name: str, correct: NDArray[Any], n: int = 8) -> NDArray[Any]:
    """Return a column as the pipeline computes it from `correct` of n attempts; of one that it does not know, numbers
    from 1 on.

    The pipeline joins under its name what a source kept, what a stage knows or what a part's own query gives.
    """
    a, b = correct + 0.5, n - correct + 0.5
    rows = len(correct)
    columns = {
        "beta_a": a,
        "beta_b": b,
        "mean": a / (a + b),
        "low": a / (a + b + 4),
        "high": (a + 2) / (a + b + 2),
        "correct": correct,
    }
    columns |= {"wrong": n - correct, "truncated": np.zeros(rows, np.int64), "error": np.zeros(rows, np.int64)}
    columns |= {"source": np.array([f"s{row % 3}" for row in range(rows)]), "length": 10 + np.arange(rows) % 17}
    columns |= {"quality": 1.0 + np.arange(rows) % 5, "difficulty": 0.1 * (np.arange(rows) % 7)}
    columns |= {"K": n - correct, "censored": correct == 0}
    return columns.get(name, 1.0 + np.arange(rows) % 11)


def make_pool(needs: Sequence[str], correct: Sequence[int], *, clusters: int = 4) -> Pool:
    """Return a pool with exactly these columns.

    Args:
        needs: names of columns, or "cluster", "vectors".
        correct: right answers of 8 per problem.
        clusters: how many there are.
    """
    right = np.asarray(correct, dtype=np.int64)
    rows = len(right)
    vectors = np.random.default_rng(7).normal(size=(rows, 6))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Pool(
        tuple(f"p{row:04d}" for row in range(rows)),
        {name: make_column(name, right) for name in needs if name not in ("cluster", "vectors")},
        vectors.astype(np.float32) if "vectors" in needs else None,
        (np.arange(rows) * 7 % 5 % clusters).astype(np.int64) if "cluster" in needs else None,
    )
