"""Filters find the same in a pool that comes in batches of 7, of 1,000, and whole."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import ConfigError
from assay.core.notes import Note
from assay.core.ports import FilterContext
from assay.core.types import Drop, Label
from assay.pipelines.context.run import RunContext
from assay.pipelines.data import key_runs, problem_batches, sifting
from assay.pipelines.data.problems import read_pool_members
from assay.pipelines.data.sifting import Sifted, StreamedPool, check_findings
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.sampling.filter_context import build_filters, filter_context

Made = Callable[..., RunContext]
FILTERS = ["empty", "conflicting_labels", "exact", "overlong", "near", "unparsable", "unverifiable"]
STORY = (
    "Ann has {n} red apples and buys {n} green apples at the market in town. How many apples does she have in all{end}"
)


@pytest.fixture
def mixed(sums: Path) -> Path:
    """40 sums; copies, conflicts, two labels of one question, near copies, and answers that nobody can read."""
    rows = [json.loads(line) for line in sums.read_text().splitlines()]
    for n in range(1, 13):
        story = STORY.format(n=n, end="?")
        rows += [{"prompt": story, "answer": str(2 * n)}, {"prompt": story.replace(" ", "  "), "answer": f"{2 * n}.0"}]
        rows += [{"prompt": STORY.format(n=n, end=" now?"), "answer": str(2 * n)}]
        rows += [{"prompt": f"Halve {4 * n}.", "answer": str(2 * n)}, {"prompt": f"Halve {4 * n}.", "answer": str(n)}]
        rows += [
            {"prompt": f"Double {n}.", "answer": str(2 * n)},
            {"prompt": f"Double  {n}.", "answer": str(3 * n + 1)},
        ]
        rows += [{"prompt": f"Name number {n}.", "answer": "\\frac{" if n % 2 else str(n)}]
    rows += [{"prompt": "\u200b", "answer": "1"}, {"prompt": "word " * 400, "answer": "2"}]
    sums.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return sums


def config_of(context: Made, lake: Path, filters: list[str]) -> RunContext:
    settings: dict[str, Any] = {"overlong": {"max_tokens": 300}} if "overlong" in filters else {}
    source = [{"type": "files", "paths": str(lake.parent / "sums.jsonl"), "verifier": "numeric"}]
    if "contaminated" in filters:
        benchmark = lake.parent / "benchmark.jsonl"
        rows = [{"prompt": STORY.format(n=n, end=" today?"), "answer": str(2 * n)} for n in (2, 3)]
        benchmark.write_text("".join(json.dumps(row) + "\n" for row in rows))
        against = [{"type": "files", "paths": str(benchmark), "verifier": "numeric", "name": "stories"}]
        settings["contaminated"] = {"against": against}
    clean = {"filters": filters, "settings": settings}
    return context(lake=str(lake), source=source, clean=clean, embed={"encoder": "tfidf"})


def found_in(context: RunContext) -> tuple[Any, ...]:
    """The stage's counts, and its rows without their run, in the order in which they lie in the lake."""
    result = run_stages(context, "clean")[-1]
    rows = context.lake.rows("SELECT * EXCLUDE (run) FROM drops WHERE key = ?", [result.key.rows])
    labels = context.lake.rows("SELECT * EXCLUDE (run) FROM pool_members WHERE pool = ?", [result.key.rows])
    return result.rows_in, result.rows_out, dict(result.detail), rows, labels


def applied_whole(context: RunContext) -> list[tuple[str, str, str]]:
    """(Reason, problem, detail) of the drops where every filter gets the whole pool."""
    problems, labels = read_pool_members(context, run_stages(context, "ingest"))
    members, drops = dict(problems), list[tuple[str, str, str]]()
    for _, part in build_filters(context.config):
        golds: dict[str, list[Label]] = {id_: labels[id_] for id_ in problems}
        borrowed = filter_context(context, part, members)
        for drop in part.sift(list(problems.values()), golds, borrowed):
            if isinstance(drop, Note):
                continue
            assert isinstance(drop, Drop)
            del problems[drop.problem_id]
            drops.append((drop.reason, drop.problem_id, drop.detail))
    return drops


@pytest.mark.parametrize(
    "filters",
    [
        FILTERS,
        FILTERS[::-1],
        ["near"],
        ["exact", "unparsable", "empty", "near"],
        ["exact", "semantic", "near"],
        ["contaminated", "semantic"],
    ],
)
def test_batches_of_seven_of_a_thousand_and_the_whole_pool_give_the_same_rows(
    context: Made, mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filters: list[str]
) -> None:
    in_one = config_of(context, tmp_path / "whole", filters)
    whole = applied_whole(in_one)
    by_size = {}
    for size in (7, 1_000):
        monkeypatch.setattr(problem_batches, "BATCH", size)
        monkeypatch.setattr(sifting, "READ_AGAIN", size)
        monkeypatch.setattr(key_runs, "RUN_ROWS", size)
        by_size[size] = found_in(config_of(context, tmp_path / f"by-{size}", filters))
    assert by_size[7] == by_size[1_000]
    rows = by_size[7][3]
    assert [(row["reason"], row["problem_id"], row["detail"]) for row in rows] == whole
    assert len({row["reason"] for row in rows}) >= min(3 if "empty" in filters else 2, len(filters))


def test_a_joint_filter_reads_again_only_problems_that_share_a_key(
    context: Made, mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = config_of(context, tmp_path / "lake", ["exact"])
    given: list[int] = []

    class Counting:
        joint, needs = True, ()

        def __init__(self) -> None:
            ((_, self.exact),) = build_filters(run.config)

        def joint_keys(self, problems: Any, labels: Any) -> Any:
            return self.exact.joint_keys(problems, labels)  # type: ignore[attr-defined]

        def sift(self, problems: Any, labels: Any, borrowed: Any) -> Any:
            given.append(len(problems))
            return self.exact.sift(problems, labels, borrowed)

    pools = run_stages(run, "ingest")[-1].key.parts
    sifted = Sifted("key", "run")
    StreamedPool(run, pools, sifted, lambda *_: FilterContext()).sift([("exact", Counting())])  # type: ignore[list-item]
    assert sifted.reasons == {"duplicate": 24}
    assert given == [12 * 2 + 12 * 2 + 12]  # both texts of a story and of a doubling, and questions with two labels


def test_a_finding_about_a_problem_that_was_not_given_is_refused() -> None:
    with pytest.raises(ConfigError, match="filter 'mine' dropped 'x', which is not among its 1 problems"):
        check_findings("mine", [Drop("clean", "odd", "x")], {"a": None})
