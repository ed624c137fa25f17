"""What a check of a config finds before anything is paid for."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import ConfigError
from assay.pipelines.analysis import config_check
from assay.pipelines.context.run import RunContext

MakeContext = Callable[..., RunContext]


def source(folder: Path, rows: list[Any], **settings: Any) -> list[dict[str, Any]]:
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return [{"type": "files", "paths": str(folder / "rows.jsonl"), **settings}]


def test_a_look_at_the_first_rows_counts_drops_and_odd_golds_by_name(context: MakeContext, tmp_path: Path) -> None:
    rows = [
        {"prompt": f"How many of {n}?", "answer": answer}
        for n, answer in enumerate(["9 (apples)", "2m", "\x0crac{1}{2}", "7"])
    ]
    (look,) = config_check.look_at_sources(context(source=source(tmp_path, rows, name="odd")))
    assert (look.name, look.rows, look.whole) == ("odd", 4, True)
    assert look.noticed == {"gold_has_unit": 1, "gold_is_ambiguous": 1}
    assert look.dropped == {"gold_control_character": 1}


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([], "source 'files' is empty"),
        (
            [{"question": "1 + 1?", "answer": "2"}] * 30,
            "all 30 rows would be dropped, 30 as missing_field, such as .*no field 'prompt'",
        ),
        ([{"prompt": "1 + 1?", "answer": ""}] * 3, "all 3 rows would be dropped, 3 as answer_empty"),
        (
            [{"prompt": f"{n} + 1?", "answer": None} for n in range(1500)],
            "each of the first 1000 rows would be dropped, 1000 as answer_not_text",
        ),
    ],
)
def test_a_source_without_one_problem_is_an_error_that_says_why(
    context: MakeContext, tmp_path: Path, rows: list[Any], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        list(config_check.look_at_sources(context(source=source(tmp_path, rows))))


def test_rows_of_two_shapes_are_no_error(context: MakeContext, tmp_path: Path) -> None:
    rows = [{"question": "1 + 1?", "answer": "2"}] * 25 + [{"prompt": "1 + 1?", "answer": "2"}]
    (look,) = config_check.look_at_sources(context(source=source(tmp_path, rows)))
    assert (len(look.problems), look.dropped) == (1, {"missing_field": 25})


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "lab_checking.py").write_text(
        "def right(data_source, solution_str, ground_truth, extra_info):\n"
        "    return float(ground_truth in solution_str)\n"
        "def breaks(data_source, solution_str, ground_truth, extra_info):\n    return 1 / 0\n"
    )
    yield tmp_path
    sys.modules.pop("lab_checking", None)


@pytest.mark.parametrize(
    ("verifier", "sentence"),
    [
        ("python:no_lab:right", "No module named 'no_lab'"),
        ("python:lab_checking:rihgt", "has no 'rihgt'"),
        ("python:lab_checking", "is not of the form"),
    ],
)
def test_a_verifier_from_outside_that_is_not_there_is_an_error(
    context: MakeContext, lab: Path, verifier: str, sentence: str
) -> None:
    run_context = context(source=source(lab, [{"prompt": "1 + 1?", "answer": "2"}], verifier=verifier))
    with pytest.raises(ConfigError, match=sentence):
        config_check.check_parts(run_context.config)


def test_a_module_that_breaks_when_it_is_imported_is_an_error(context: MakeContext, lab: Path) -> None:
    (lab / "lab_broken.py").write_text("raise RuntimeError('no GPU\\nhere')\n")
    run_context = context(source=source(lab, [{"prompt": "1 + 1?", "answer": "2"}], verifier="python:lab_broken:right"))
    with pytest.raises(ConfigError, match="importing 'lab_broken' raises RuntimeError: no GPU here"):
        config_check.check_parts(run_context.config)


def test_a_tracker_that_is_not_installed_is_an_error(context: MakeContext, monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = __import__("importlib.util").util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *rest: None if name == "wandb" else find_spec(name, *rest)
    )
    with pytest.raises(ConfigError, match="'wandb', which is not installed"):
        config_check.check_parts(context(train={"report_to": ["wandb"]}).config)


def test_the_gold_answer_is_judged_in_a_box_and_in_a_sentence_without_the_engine(
    context: MakeContext, tmp_path: Path
) -> None:
    run_context = context(
        source=source(tmp_path, [{"prompt": "How many?", "answer": "9 (apples)"}]),
        policy={"template": "{prompt} Think."},
    )
    (look,) = config_check.look_at_sources(run_context)
    gold = config_check.try_gold(run_context, look)
    assert gold.prompt == "user: How many? Think."
    assert [verdict.outcome for verdict in gold.verdicts] == ["correct", "correct"]
    assert gold.texts == ["\\boxed{9}", "The answer is 9."]
    assert run_context.meter.samples == 0


def test_a_reward_that_raises_on_the_gold_answer_is_an_error(context: MakeContext, lab: Path) -> None:
    rows = [{"prompt": "1 + 1?", "answer": "2"}]
    run_context = context(source=source(lab, rows, verifier="python:lab_checking:breaks"))
    (look,) = config_check.look_at_sources(run_context)
    with pytest.raises(ConfigError, match=r"fails on the gold answer '2'.*ZeroDivisionError"):
        config_check.try_gold(run_context, look)
    run_context = context(source=source(lab, rows, verifier="python:lab_checking:right"))
    assert config_check.try_gold(run_context, next(config_check.look_at_sources(run_context))).accepted


def test_a_kept_field_that_no_row_holds_is_an_error(context: MakeContext, lab: Path) -> None:
    rows = [{"prompt": f"{n} + 1?", "answer": str(n + 1), "level": 1} for n in range(3)]
    run_context = context(source=source(lab, rows, metadata_fields=["level", "levle"]))
    with pytest.raises(ConfigError, match="metadata_fields names 'levle', which none of its 3 rows has"):
        list(config_check.look_at_sources(run_context))
    assert list(config_check.look_at_sources(context(source=source(lab, rows, metadata_fields=["level"]))))


def test_a_budget_or_a_split_that_leaves_nothing_is_foretold(context: MakeContext) -> None:
    run_context = context(select={"budget": 0}, split={"held_out": 40})
    warnings = config_check.list_forebodings(run_context.config, list(config_check.look_at_sources(run_context)))
    assert warnings == [
        "select.budget = 0 keeps no problems",
        "split.held_out = 40 leaves none of 40 problems to train on",
    ]
    run_context = context(select={"budget": 1}, split={"held_out": 39})
    assert config_check.list_forebodings(run_context.config, list(config_check.look_at_sources(run_context))) == []
