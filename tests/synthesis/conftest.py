"""Synthesis from bundled recordings of real rollouts."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from assay.api import NullReporter
from assay.core.config import parse_config
from assay.core.synthesis import AttemptedProblem, GradedAttempt, SearchedProblem, SynthesisSummary
from assay.core.types import Counts, Label, Message, Problem
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.runner.synthesis import run_synthesis
from assay.stores.lake import Lake


def plan(lake: Path, *, n: int, **tables: Any) -> dict[str, Any]:
    """360 recorded problems of the tiny model, 60 of them held out."""
    source = {
        "type": "files",
        "paths": "package:recordings/tiny_problems.jsonl",
        "metadata_fields": ["digits", "task"],
        "verifier": "numeric",
    }
    return {
        "name": "recorded",
        "lake": str(lake),
        "source": [source],
        "split": {"held_out": 60},
        "policy": {"engine": "replay", "path": "package:recordings/tiny.parquet", "max_tokens": 8},
        "score": {"n": n, "problems_per_commit": 100},
        **tables,
    }


@pytest.fixture(scope="session")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A lake on which the recording was scored, made once per plan: to copy, not to write."""
    lakes: dict[str, Path] = {}

    def get(n: int, tables: dict[str, Any]) -> Path:
        name = json.dumps([n, tables], sort_keys=True)
        if name not in lakes:
            config = parse_config(plan(tmp_path_factory.mktemp("scored") / "lake", n=n, **tables))
            with Lake(config.lake) as lake, RunContext(config, lake, NullReporter()) as context:
                run_stages(context, "score")
                lakes[name] = lake.root
        return lakes[name]

    return get


@pytest.fixture
def recorded(tmp_path: Path, scored: Callable[..., Path]) -> Iterator[Callable[..., Any]]:
    """Runs a method on a copy of a scored recording and returns the context with the results."""
    opened: list[RunContext] = []

    def run(
        method: str, settings: dict[str, Any], *, n: int = 8, synthesize_policy: str = "", **tables: Any
    ) -> tuple[RunContext, list[Any]]:
        synthesis = {"settings": {method: settings}, "policy": synthesize_policy}
        if not (tmp_path / "lake").exists():
            shutil.copytree(scored(n, tables), tmp_path / "lake")
        tree = plan(tmp_path / "lake", n=n, synthesize=synthesis, **tables)
        config = parse_config(tree)
        context = RunContext(config, Lake(config.lake), NullReporter())
        opened.append(context)
        run_stages(context, "score")
        before = context.meter.samples
        results = run_synthesis(context, method)
        context.meter.samples -= before
        return context, results

    yield run
    for context in opened:
        context.close()
        context.lake.close()


class Given:
    """Evidence in memory, small enough to check on paper.

    Attempts are (outcome, answer), with their text and what the verifier said behind it or not; attempts at other problems are answered by `answer`.
    """

    def __init__(
        self,
        attempts: Mapping[str, Sequence[tuple[str, ...]]] = {},
        trees: Sequence[SearchedProblem] = (),
        *,
        fields: Mapping[str, Mapping[str, str | float]] = {},
        answer: Callable[[Problem, int], tuple[str, bool]] = lambda problem, sample: ("", False),
        complete: Callable[[str, str, int], tuple[str, bool | None]] = lambda id_, begun, sample: ("", None),
        gold: str = "1",
        texts: Mapping[str, str] = {},
    ) -> None:
        self.given, self.trees, self.kept, self.answer, self.completing = attempts, trees, fields, answer, complete
        self.gold, self.asked, self.texts = gold, list[Problem](), texts
        self.begun: list[tuple[str, str]] = []

    def label(self, id_: str) -> Label:
        return Label.of(id_, self.gold, verifier="numeric")

    def counts(self) -> Mapping[str, Counts]:
        tallies = {id_: Counts() for id_ in sorted(self.given)}
        for id_, attempts in self.given.items():
            for outcome, *_ in attempts:
                tallies[id_] = tallies[id_].plus(outcome)  # type: ignore[arg-type]
        return tallies

    def attempted(self, **_: Any) -> Iterator[AttemptedProblem]:
        for id_, attempts in sorted(self.given.items()):
            rows = []
            for sample, (outcome, answer, *text) in enumerate(attempts):
                whole = text[0] if text else f"{answer} {sample}"
                size, said = len(whole.split()), text[1] if len(text) > 1 else ""
                rows.append(GradedAttempt(f"{id_}{sample}", sample, outcome, answer, size, whole, whole, "rev", said))  # type: ignore[arg-type]
            yield AttemptedProblem(id_, self.label(id_), rows)

    def searched(self) -> Iterator[SearchedProblem]:
        yield from self.trees

    def problems(self, ids: Sequence[str]) -> Mapping[str, Problem]:
        return {
            id_: Problem(id_, (Message("user", self.texts.get(id_, f"question {id_}")),), source="s") for id_ in ids
        }

    def field(self, name: str, ids: Sequence[str]) -> Mapping[str, str | float]:
        return {id_: self.kept[id_][name] for id_ in ids if name in self.kept.get(id_, {})}

    def attempt(self, asked: Sequence[tuple[Problem, Label]], n: int) -> Sequence[AttemptedProblem]:
        self.asked += [problem for problem, _ in asked]
        found = []
        for problem, label in asked:
            made = [self.answer(problem, sample) for sample in range(n)]
            rows = [
                GradedAttempt(
                    f"{problem.id}{sample}", sample, "correct" if right else "wrong", text, 1, text, text, "rev"
                )
                for sample, (text, right) in enumerate(made)
            ]
            found.append(AttemptedProblem(problem.id, label, rows))
        return found

    def teach(self, asked: Sequence[tuple[Problem, Label]], n: int) -> Sequence[AttemptedProblem]:
        return self.attempt(asked, n)

    def complete(self, begun: Sequence[tuple[str, str]], n: int, **_: Any) -> list[list[tuple[str, bool | None]]]:
        self.begun += begun
        return [[self.completing(id_, text, sample) for sample in range(n)] for id_, text in begun]

    def say(self, text: str) -> None: ...


@pytest.fixture
def given() -> type[Given]:
    """Makes evidence of attempts and trees."""
    return Given


@pytest.fixture
def made() -> Callable[..., tuple[list[Any], SynthesisSummary]]:
    """Runs a method and returns its rows and its summary."""

    def run(part: Any, evidence: Given) -> tuple[list[Any], SynthesisSummary]:
        *rows, summary = list(part.synthesize(evidence))
        assert isinstance(summary, SynthesisSummary)
        return rows, summary

    return run
