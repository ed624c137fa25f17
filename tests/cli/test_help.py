"""What `--help` prints: every word that was written, and which lake is asked where no plan names one."""

import json

import pytest
import typer
from typer.testing import CliRunner

from assay.cli.apps import PANELS, analyze_app, assay_app, curate_app, lake_app, schedule_app, train_app

COMMANDS = [
    (app, command.name, command.callback.__doc__)
    for app in (curate_app, train_app, analyze_app, lake_app, schedule_app)
    for command in app.registered_commands
]


@pytest.mark.parametrize(("app", "name", "meaning"), COMMANDS, ids=[name for _, name, _ in COMMANDS])
def test_the_help_of_a_command_loses_no_word_to_markup(app: typer.Typer, name: str, meaning: str) -> None:
    printed = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "400"})
    assert printed.exit_code == 0
    assert " ".join(meaning.split()) in " ".join(printed.stdout.split())


@pytest.mark.parametrize("name", ["sql", "show", "lake fsck", "lake compact", "lake delete"])
def test_a_command_without_a_plan_tells_the_lake_that_it_asks(name: str) -> None:
    printed = " ".join(CliRunner().invoke(curate_app, [*name.split(), "--help"], env={"COLUMNS": "200"}).stdout.split())
    assert "[default: .assay/lake]" in printed
    assert "by default the config's" not in printed


@pytest.mark.parametrize("app", [assay_app, curate_app, train_app])
def test_every_program_has_a_version_short_help_and_completion(app: typer.Typer) -> None:
    version = CliRunner().invoke(app, ["--version"])
    assert version.exit_code == 0
    assert version.stdout.startswith("assay ")
    short = CliRunner().invoke(app, ["-h"], env={"COLUMNS": "200"})
    assert short.exit_code == 0
    assert "--install-completion" in short.stdout


def test_the_panels_of_curates_help_name_commands_that_there_are() -> None:
    commands = {command.name for command in (*curate_app.registered_commands, *curate_app.registered_groups)}
    named = {name for names in PANELS.values() for name in names}
    assert named <= commands
    assert "The lake" in CliRunner().invoke(curate_app, ["-h"], env={"COLUMNS": "200"}).stdout


def test_doctor_answers_in_json_with_versions() -> None:
    told = json.loads(CliRunner().invoke(assay_app, ["doctor", "--json"]).stdout)
    assert told["versions"]["duckdb"]
    assert told["models"]["tiny-arithmetic"] == "bundled"
    assert "flows" in told["extras"]
