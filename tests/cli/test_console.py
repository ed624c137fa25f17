"""What reaches a terminal: its own colours, and nothing that a given text asks of it."""

import io
import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from assay.cli.console import ConsoleReporter, SafeConsole, _Lines
from assay.cli.runner import report_errors
from assay.core.errors import ConfigError, EngineError
from assay.core.types import Problem
from assay.stores.lake import Lake

HOSTILE = (
    "\x1b]52;c;cm0gLXJmIC8=\x07",
    "\x1b]0;owned\x07",
    "\x1b[2J",
    "\x9b31m",
    "\x9d0;t\x9c",
    "good\rbad",
    "\u202egnp.exe",
)


def spoken(speak, *, terminal=True):
    out = io.StringIO()
    speak(ConsoleReporter(SafeConsole(file=out, force_terminal=terminal, width=200, highlight=False)))
    return out.getvalue()


def obeyed(text):
    """Whether a terminal obeys more than the colours that rich itself writes."""
    import re

    rest = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text) if "\x1b[2J" not in text else text
    return any(letter in rest for letter in "\x1b\x07\r\x9b\x9d\x9c\u202e")


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("terminal", [True, False])
def test_no_control_sequence_of_a_given_text_leaves_by_any_way(text, terminal):
    given = f"name {text} [bold]end"
    for speak in (
        lambda voice: voice.say(given),
        lambda voice: voice.warn(given),
        lambda voice: voice.table(given, ("a", given), [(given, 1)]),
        lambda voice: _Lines(voice, given, 1).advance(note=given),
        lambda voice: voice.console.print(given, markup=False, soft_wrap=True),
        lambda voice: voice.console.print(given),
    ):
        shown = spoken(speak, terminal=terminal)
        assert "name" in shown
        assert not obeyed(shown)


@pytest.mark.parametrize("kind", [ConfigError, EngineError, ZeroDivisionError])
@pytest.mark.parametrize("text", HOSTILE)
def test_no_error_line_and_no_traceback_holds_one(kind, text, capsys):
    out = io.StringIO()
    with (
        pytest.raises(typer.Exit),
        report_errors(ConsoleReporter(SafeConsole(file=out, force_terminal=True, width=200))),
    ):
        raise kind(f"a server said {text}")
    shown = out.getvalue() + capsys.readouterr().err
    assert "a server said" in shown
    assert not obeyed(shown)


def test_a_line_that_says_how_far_a_stage_is_knows_no_time_left_before_anything_is_done():
    def speak(voice):
        lines = _Lines(voice, "attempts", 96)
        lines.printed_s -= 60
        lines.advance(0, note="0 tokens")
        lines.printed_s -= 60
        lines.advance(48)

    first, second = spoken(speak, terminal=False).splitlines()
    assert "left" not in first
    assert "s left" in second


@pytest.mark.parametrize("text", HOSTILE)
def test_explain_shows_a_problem_without_obeying_it(tmp_path: Path, text):
    from assay.cli.apps import curate_app
    from assay.pipelines.data.problems import to_row

    problem = Problem.of(f"What is {text} 2+2?", source=f"s{text}")
    with Lake(tmp_path / "lake") as lake:
        lake.append({"problems": [to_row(problem)]}, run="r")
    config = tmp_path / "mine.toml"
    source = '[[source]]\ntype = "files"\npaths = "rows.jsonl"\n'
    policy = '[policy]\nmodel = "scripted"\nengine = "scripted"\n'
    config.write_text(f'lake = "{tmp_path / "lake"}"\n{source}{policy}', encoding="utf-8")
    shown = CliRunner().invoke(curate_app, ["show", problem.id, "--lake", str(tmp_path / "lake")])
    by_config = CliRunner().invoke(curate_app, ["show", problem.id, str(config)])
    assert (shown.exit_code, by_config.output) == (0, shown.output)
    assert "2+2" in shown.output
    assert not obeyed(shown.output)


def test_a_problems_story_begins_with_its_fate_and_a_dropped_row_is_found_by_its_line(tmp_path: Path) -> None:
    from assay.cli.apps import curate_app

    rows = [{"prompt": f"What is {i} + 1?", "answer": str(i + 1)} for i in range(6)] + [{"prompt": "What is 9 + 1?"}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = tmp_path / "mine.toml"
    source = '[[source]]\ntype = "files"\npaths = "rows.jsonl"\n'
    policy = '[policy]\nmodel = "scripted"\nengine = "scripted"\n[score]\nn = 2\n[select]\nbudget = 2\n[embed]\nencoder = "tfidf"\nclusters = 2\n'
    config.write_text(f'lake = "{tmp_path / "lake"}"\n{source}{policy}', encoding="utf-8")
    ran = CliRunner().invoke(curate_app, ["run", str(config)])
    assert ran.exit_code == 0, ran.output
    with Lake(tmp_path / "lake") as lake:
        fates = {row["problem_id"]: row["kept"] for row in lake.rows("SELECT problem_id, kept FROM selections")}
    for kept in (True, False):
        id_ = next(id_ for id_, value in fates.items() if value == kept)
        printed = CliRunner().invoke(curate_app, ["show", id_, str(config)]).output
        head = printed.split("\n\n")[0].splitlines()
        assert head[2].startswith("gold answer: ")
        assert head[3].startswith("-> kept by selection" if kept else "-> not kept by selection")
        assert "nothing in: drops, notes" in printed
    for place in ("rows.jsonl", "rows.jsonl:7"):
        shown = CliRunner().invoke(curate_app, ["show", place, str(config)])
        assert shown.exit_code == 0
        assert "missing_field" in shown.output
    assert CliRunner().invoke(curate_app, ["show", "rows.jsonl:6", str(config)]).exit_code == 2
