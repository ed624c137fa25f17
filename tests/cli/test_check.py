"""`curate check`: what a user sees before anything is paid for."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from assay.cli.apps import curate_app, train_app

Ran = Callable[..., Result]


@pytest.fixture
def check(config: Path) -> Ran:
    return lambda *arguments: CliRunner().invoke(curate_app, ["check", str(config), *arguments])


def test_a_whole_config_shows_a_prompt_its_gold_and_the_verdicts_on_it(check: Ran, config: Path) -> None:
    ran = check()
    assert ran.exit_code == 0, ran.output
    assert "user: What is 0 + 0?" in ran.stdout
    assert "gold (files): 0" in ran.stdout
    assert r"correct: \boxed{0}" in ran.stdout
    assert "valid. policy scripted" in ran.stderr
    assert not (config.parent / "lake").exists()


def test_json_answers_with_the_same(check: Ran) -> None:
    told = json.loads(check("--json").stdout)
    assert (told["whole"], told["warnings"]) == (True, [])
    (source,) = told["sources"]
    assert (source["rows"], source["problems"], source["gold"], source["accepted"]) == (20, 20, "0", True)
    assert {verdict["outcome"] for verdict in source["verdicts"]} == {"correct"}


def test_a_field_that_no_row_has_is_one_line_and_exit_code_2(check: Ran, config: Path) -> None:
    (config.parent / "sums.jsonl").write_text('{"question": "1 + 1?", "answer": "2"}\n' * 4)
    ran = check()
    assert ran.exit_code == 2
    assert ran.stderr.startswith("error: source 'files': all 4 rows would be dropped, 4 as missing_field")
    assert len(ran.stderr.splitlines()) == 1
    told = check("--json")
    assert (told.exit_code, json.loads(told.stdout)["whole"]) == (2, False)


def test_a_gold_answer_that_no_usual_form_passes_is_a_warning(check: Ran, config: Path) -> None:
    (config.parent / "sums.jsonl").write_text('{"prompt": "Which?", "answer": "apples"}\n')
    config.write_text(config.read_text().replace('type = "files"', 'type = "files"\nverifier = "numeric"'))
    ran = check()
    assert ran.exit_code == 0, ran.output
    assert "accepts the gold answer 'apples' in none of the usual forms" in ran.stderr


TOOLS = {"prompt": "1 + 1?", "answer": "2", "tools": [{"type": "function"}]}
INDEX = {"prompt": "Largest?", "choices": ["3", "7"], "answer": "1"}


@pytest.mark.parametrize(
    ("row", "settings", "sentence"),
    [
        (TOOLS, "", "1 tools_not_offered (the column 'tools' offers tools"),
        (TOOLS | {"tools": []}, "", ""),
        (TOOLS | {"tools": "[]"}, "", ""),
        (INDEX, 'verifier = "choice"\noptions = "choices"', "1 gold_is_an_index (the gold answer '1' seems"),
        (INDEX, 'verifier = "choice"\noptions = "choices"\nanswer_index = 0', ""),
        (INDEX | {"answer": "B"}, 'verifier = "choice"\noptions = "choices"', ""),
    ],
)
def test_check_and_the_run_name_what_a_source_would_lose(
    check: Ran, config: Path, row: dict[str, object], settings: str, sentence: str
) -> None:
    (config.parent / "sums.jsonl").write_text(json.dumps(row) + "\n")
    config.write_text(config.read_text().replace('type = "files"', f'type = "files"\n{settings}'))
    ran = check()
    assert ran.exit_code == 0, ran.output
    assert (f"of the first 1 rows {sentence}" in ran.stderr) if sentence else ("of the first" not in ran.stderr)
    ingested = CliRunner().invoke(curate_app, ["ingest", str(config)])
    reason = sentence.split()[1] if sentence else "such as"
    assert (f"{reason} in 1 of 1 problems" in ingested.stderr) if sentence else (reason not in ingested.stderr)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("", "the sources have no rows"),
        ('{"question": "1 + 1?", "answer": "2"}\n', "none of the 1 rows of the sources"),
    ],
)
def test_a_stage_that_leaves_nothing_is_no_success(config: Path, rows: str, sentence: str) -> None:
    (config.parent / "sums.jsonl").write_text(rows)
    ran = CliRunner().invoke(curate_app, ["ingest", str(config)])
    assert ran.exit_code == 4
    assert f"nothing to train on: {sentence}" in ran.stderr


def test_training_on_an_empty_curriculum_is_nothing_to_train_on(config: Path) -> None:
    nothing = ["run", str(config), "--set", "select.budget=0"]
    assert CliRunner().invoke(curate_app, nothing).exit_code == 4
    ran = CliRunner().invoke(train_app, nothing)
    assert (ran.exit_code, "the curriculum is empty, so there is nothing to train on" in ran.stderr) == (4, True)


def test_gold_answers_that_are_a_few_words_are_taken_for_a_category(check: Ran, config: Path) -> None:
    rows = [{"prompt": f"What is {i} + {i}?", "answer": ("add", "sub")[i % 2]} for i in range(12)]
    (config.parent / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ran = check()
    assert "12 problems are 2 different words, such as 'add', 'sub'; is `answer` the right field?" in " ".join(
        ran.stderr.split()
    )
    rows[0]["answer"] = "4"
    (config.parent / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert "is `answer` the right field" not in check().stderr
