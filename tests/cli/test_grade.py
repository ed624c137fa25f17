"""`curate grade`: one answer, a file, rows or stdin; errors in one line."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from assay.cli.apps import curate_app

ROWS = [
    {"text": "\\boxed{4}", "gold": 4},
    {"text": "\\boxed{5}\u2028", "gold": "4"},
    {"text": "yes", "gold": "yes", "verifier": "exact"},
]


def grade(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(curate_app, ["grade", *arguments], input=stdin)


def test_a_line_a_file_and_stdin_are_judged_alike(tmp_path: Path) -> None:
    (tmp_path / "answer.txt").write_text("So it is\n\\boxed{4}.\n")
    told = ["--gold", "4", "--verifier", "numeric", "--json"]
    for found in (
        grade("--text", "\\boxed{4}", *told),
        grade(str(tmp_path / "answer.txt"), *told),
        grade(*told, stdin="\\boxed{4}\n"),
    ):
        assert found.exit_code == 0
        assert {name: json.loads(found.stdout)[name] for name in ("outcome", "lenient", "extracted")} == {
            "outcome": "correct",
            "lenient": "correct",
            "extracted": "4",
        }
    assert grade("--text", "\\boxed{5}", *told[:-1]).stdout.startswith("wrong\nextracted: 5\ngold: 4\n")


def test_rows_are_judged_one_by_one_and_counted(tmp_path: Path) -> None:
    path, text = tmp_path / "answers.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
    path.write_text(text)
    for found in (
        grade(str(path), "--verifier", "numeric", "--json"),
        grade("--verifier", "numeric", "--json", stdin=text),
    ):
        assert [row["outcome"] for row in json.loads(found.stdout)] == ["correct", "wrong", "correct"]
    assert "strict: 2 of 3 correct" in grade(str(path), "--verifier", "numeric").stdout


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--text", "4"], "--gold is missing"),
        (["--gold", "4", "nowhere.txt"], "'nowhere.txt': no such file"),
        (["--gold", "4", "--text", "4", "--verifier", "maths"], "nearest: 'math'"),
        (["--gold", "4", "--text", "4", "--metadata", "{"], "--metadata is not JSON"),
        (["--gold", "4", "--text", "4", "--metadata", "[]"], "--metadata must be a JSON object"),
        (["--gold", "4", "--text", "4", "--finish", "cut"], "known are stop"),
        (["--gold", "4", "--text", "4", "--verifier", "code"], "allow_code"),
    ],
)
def test_an_error_is_one_line_and_the_exit_code_of_usage(arguments: list[str], why: str) -> None:
    found = grade(*arguments)
    assert found.exit_code == 2
    assert why in found.stderr
    assert found.stderr.count("\n") == 1


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "answer").write_bytes(b"\xff\xfe4\x00")
    assert "not UTF-8 text" in grade("--gold", "4", str(tmp_path / "answer")).stderr
