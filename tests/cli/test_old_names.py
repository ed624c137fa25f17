"""A former command is answered with its present name, and so is a former setting; nothing in the repository uses one."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assay.cli.apps import curate_app
from assay.cli.old_commands import OLD_COMMANDS
from assay.core.setting_names import MOVED, RENAMES

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("program", "old"), OLD_COMMANDS, ids=[old for _, old in OLD_COMMANDS])
def test_a_former_command_is_answered_with_its_present_name_in_one_line(program: str, old: str) -> None:
    told = CliRunner().invoke(curate_app, [*old.split(), "plan.toml"])
    assert told.exit_code == 2
    new = OLD_COMMANDS[program, old]
    assert told.stderr == f"error: `curate {old.split()[0]}` is called `curate {new}` now\n"
    assert CliRunner().invoke(curate_app, [*new.split(), "--help"]).exit_code == 0


def test_an_unknown_command_is_answered_with_its_neighbours() -> None:
    told = CliRunner().invoke(curate_app, ["statsu"])
    assert told.exit_code == 2
    assert told.stderr.startswith("error: `curate statsu` does not exist; nearest: 'status'")


def test_no_page_and_no_message_names_a_former_command() -> None:
    olds = "|".join(sorted({old for _, old in OLD_COMMANDS}, key=len, reverse=True))
    former = re.compile(rf"\bcurate ({olds})(?![\w-])")
    files = [path for top in ("src", "docs", "examples", "configs") for path in (ROOT / top).rglob("*.*")]
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in [*files, ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
        if path.suffix in (".py", ".md", ".toml", ".sql", ".sh") and path.name not in ("old_commands.py", "log.md")
        for match in former.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_no_page_config_or_message_names_a_former_setting() -> None:
    olds = [
        f"{table}.{rename.old}" for table, renames in RENAMES.items() for rename in renames if rename.old != rename.new
    ]
    former = re.compile(rf"(?<![\w./])({'|'.join(map(re.escape, [*olds, *MOVED]))})(?![\w(-])")
    files = [path for top in ("src", "docs", "examples", "configs", "benchmarks") for path in (ROOT / top).rglob("*.*")]
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in [*files, ROOT / "README.md"]
        if path.suffix in (".py", ".md", ".toml", ".sh") and path.name not in ("setting_names.py", "log.md")
        for match in former.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_a_config_is_upgraded_in_its_place_and_the_former_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text('# mine\n[[source]]\npart = "files" # rows\npaths = "x.jsonl"\n[arrange]\nseed = 4\n')
    refused = CliRunner().invoke(curate_app, ["check", str(path)])
    assert refused.exit_code == 2
    assert "[arrange] is [order] now" in refused.stderr
    told = CliRunner().invoke(curate_app, ["upgrade", str(path)])
    assert told.exit_code == 0
    assert path.read_text() == '# mine\n[[source]]\ntype = "files" # rows\npaths = "x.jsonl"\n[order]\nseed = 4\n'
    assert path.with_name("plan.toml.bak").read_text().startswith("# mine\n[[source]]\npart")
    again = CliRunner().invoke(curate_app, ["upgrade", str(path)])
    assert "is up to date" in again.stderr
    path.write_text('[[source]]\npart = "files"\npaths = "x.jsonl"\n')
    assert "1 name changed" in CliRunner().invoke(curate_app, ["upgrade", str(path)]).stderr
