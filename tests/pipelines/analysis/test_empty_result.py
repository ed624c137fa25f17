"""A run without anything to train on, or without one of its sources, says so in a sentence."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.pipelines.analysis.empty_result import Shortfall, describe_shortfall
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages

MakeContext = Callable[..., RunContext]


@pytest.fixture(autouse=True)
def attempted(walked: MakeContext) -> None:
    """The lake holds attempts at the sums, which are found again by whatever names them."""
    walked()


def lacking(run_context: RunContext) -> Shortfall:
    return describe_shortfall(run_context, run_stages(run_context))


def rows(folder: Path, name: str, *values: Any) -> dict[str, Any]:
    (folder / name).write_text("".join(json.dumps(value) + "\n" for value in values))
    return {"type": "files", "paths": str(folder / name), "name": name.split(".")[0]}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"split": {"held_out": 40}}, "split.held_out takes all 40 problems"),
        ({"select": {"budget": 0}}, "[select] keeps none of 32 problems (over_budget"),
        (
            {"policy": {"truncated": "ignore", "max_tokens": 1}, "score": {"stop_early": False}},
            "[select] keeps none of 32 problems (unscored 32)",
        ),
    ],
)
def test_an_empty_curriculum_is_told_by_the_first_stage_that_left_nothing(
    context: MakeContext, changes: dict[str, Any], sentence: str
) -> None:
    lacks = lacking(context(**changes))
    assert lacks
    assert lacks.empty.startswith("nothing to train on: ")
    if "budget" in str(changes):
        sentence = sentence.partition(" (")[0]
    assert sentence in lacks.sentence
    assert lacks.sources == ()


def test_a_run_that_selects_something_lacks_nothing(context: MakeContext) -> None:
    assert not lacking(context())


def test_rows_without_the_field_and_a_source_without_rows_leave_nothing(context: MakeContext, tmp_path: Path) -> None:
    lacks = lacking(context(source=[rows(tmp_path, "odd.jsonl", *[{"question": "1 + 1?", "answer": "2"}] * 3)]))
    assert lacks.sentence == (
        "nothing to train on: none of the 3 rows of the sources is a problem (missing_field 3); "
        "of source 'odd' no row is left of 3 (missing_field 3)"
    )
    assert "the sources have no rows" in lacking(context(source=[rows(tmp_path, "none.jsonl")])).empty


@pytest.mark.parametrize(
    ("second", "sources"),
    [
        ([{"question": "1 + 1?", "answer": "2"}], ("of source 'second' no row is left of 1 (missing_field 1)",)),
        (
            [{"prompt": f"Why {n}?", "answer": "\u200b"} for n in range(3)],
            ("of source 'second' no row is left of 3 (unparsable 3)",),
        ),
        ([{"prompt": "What is  10 + 3?", "answer": "13"}], ()),  # a duplicate but for a blank
        ([{"prompt": "What is 10 + 3?", "answer": "13"}], ()),  # the same problem
        ([{"question": "1 + 1?", "answer": "2"}, {"prompt": "What is 99 + 1?", "answer": "100"}], ()),
    ],
)
def test_a_source_of_which_nothing_is_left_is_told_unless_its_rows_are_elsewhere(
    context: MakeContext, sums: Path, tmp_path: Path, second: list[Any], sources: tuple[str, ...]
) -> None:
    lacks = lacking(context(source=[{"type": "files", "paths": str(sums)}, rows(tmp_path, "second.jsonl", *second)]))
    assert (lacks.empty, lacks.sources) == ("", sources)


def test_a_finished_lake_tells_the_same_again(context: MakeContext, tmp_path: Path, sums: Path) -> None:
    source = [{"type": "files", "paths": str(sums)}, rows(tmp_path, "second.jsonl", {"question": "1 + 1?"})]
    assert lacking(context(source=source)) == lacking(context(source=source)) != Shortfall()


def test_a_reward_that_raises_on_every_gold_shows_its_traceback_once(
    context: MakeContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lab_raising.py").write_text(
        "def breaks(problem, answer, text) -> float:\n    raise ValueError(f'no judge for {answer}')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    source = rows(tmp_path, "sums.jsonl", *[{"prompt": f"{n} + 1?", "answer": str(n + 1)} for n in range(3)])
    run_context = context(source=[{**source, "verifier": "python:lab_raising:breaks"}])
    told: list[str] = []
    monkeypatch.setattr(run_context.reporter, "warn", told.append)
    lacks = lacking(run_context)
    assert (
        "the filters of [clean] keep none of 3 problems (unverifiable 3), such as: verifier 'python:lab_raising"
        in lacks.empty
    )
    assert "ValueError: no judge for" in lacks.empty
    traces = [line for line in told if "Traceback (most recent call last)" in line]
    assert len(traces) == 1
    assert "lab_raising.py" in traces[0]
