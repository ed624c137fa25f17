"""`curate init`: a first config from a data file, which `curate check` finds whole."""

import json
from importlib.resources import files
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from assay.cli.apps import curate_app
from assay.core.config import read_config
from assay.pipelines.analysis.config_draft import draft_config

ROWS = [
    {"question": f"Tom has {n} apples and buys 4. How many?", "answer": f"He has {n} + 4 of them now.\n#### {n + 4}"}
    for n in range(12)
]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "apples.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(curate_app, list(arguments))


def scripted(config: Path) -> Path:
    """The same config with the engine that needs no model."""
    config.write_text(config.read_text().replace('"llamacpp"', '"scripted"').replace("model = ", "# model = "))
    return config


def test_it_writes_a_whole_config_and_shows_three_problems(data: Path) -> None:
    made = run("init", str(data), "--out", "plans/apples.toml")
    assert made.exit_code == 0, made.output
    assert made.output.count("gold: ") == 3
    assert "gold: 4" in made.output
    assert "answer_form = 'solution'" in made.output
    config = scripted(Path("plans/apples.toml"))
    assert 'paths = "../data/apples.jsonl" # relative to this file' in config.read_text()
    assert read_config(config).split.held_out == 1
    assert "limit" not in read_config(config).source[0].settings
    checked = run("check", str(config))
    assert checked.exit_code == 0, checked.output
    assert "correct: \\boxed{4}" in checked.stdout


def test_a_config_that_is_there_is_kept_without_force(data: Path) -> None:
    Path("apples.toml").write_text("mine")
    kept = run("init", str(data))
    assert (kept.exit_code, Path("apples.toml").read_text()) == (2, "mine")
    assert "overwrite it with --force" in kept.stderr
    assert run("init", str(data), "--force").exit_code == 0


def test_json_has_the_guess_and_the_problems(data: Path) -> None:
    told = json.loads(run("init", str(data), "--json").stdout)
    assert told["source"] == {"type": "files", "prompt": "question", "answer": "answer", "answer_form": "solution"}
    assert (told["rows"], told["problems"], told["dropped"]) == (12, 12, {})
    assert told["shown"][0]["answer"] == "4"


def test_fields_that_nobody_can_guess_are_listed_and_may_be_named(data: Path) -> None:
    data.write_text('{"a": "x", "b": "2"}\n')
    refused = run("init", str(data))
    assert refused.exit_code == 2
    assert "fields: a (such as 'x'), b (such as '2'); name them with --prompt and --answer" in refused.stderr
    assert run("init", str(data), "--prompt", "a", "--answer", "b").exit_code == 0
    assert run("init", str(data), "--force", "--prompt", "a", "--answer", "zzz").exit_code == 2


def test_programs_are_run_only_once_somebody_agrees(data: Path) -> None:
    data.write_text('{"text": "Write a function to add.", "test_list": ["assert f(1, 2) == 3"]}\n' * 3)
    assert run("init", str(data)).exit_code == 0
    config = scripted(Path("apples.toml"))
    refused = run("check", str(config))
    assert refused.exit_code == 2
    assert "set `grade.allow_code = true` to allow it" in refused.stderr


@pytest.mark.parametrize(("name", "answer"), [("gsm8k_300.jsonl", "solution"), ("svamp_300.jsonl", "")])
def test_the_bundled_sets_are_read_whole(data: Path, name: str, answer: str) -> None:
    told = json.loads(run("init", str(files("assay") / "data" / name), "--json").stdout)
    assert told["dropped"] == {}
    assert told["source"].get("answer_form", "") == answer
    assert "limit = 48 # only the first rows" in Path(told["config"]).read_text()
    assert read_config(Path(told["config"])).source[0].type == "files"


def test_a_topic_in_every_row_is_no_answer_where_one_solution_is_empty(tmp_path: Path) -> None:
    rows = [
        {
            "query": f"Ana has {n} pens and buys {n}. How many?",
            "worked": f"{n} + {n} = {2 * n}\n#### {2 * n}",
            "kind": "add",
        }
        for n in range(1, 40)
    ]
    rows[7]["worked"] = ""
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    draft = draft_config(tmp_path / "own.jsonl")
    assert (draft.guess.settings["prompt"], draft.guess.settings["answer"]) == ("query", "worked")
    assert draft.share == 38 / 39
