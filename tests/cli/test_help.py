"""What `--help` prints: every word that was written, and which lake is asked where no plan names one."""

import pytest
import typer
from typer.testing import CliRunner

from assay.cli.apps import curate_app, train_app

COMMANDS = [
    (app, command.name, command.callback.__doc__)
    for app in (curate_app, train_app)
    for command in app.registered_commands
]


@pytest.mark.parametrize(("app", "name", "meaning"), COMMANDS, ids=[name for _, name, _ in COMMANDS])
def test_the_help_of_a_command_loses_no_word_to_markup(app: typer.Typer, name: str, meaning: str) -> None:
    printed = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "400"})
    assert printed.exit_code == 0
    assert " ".join(meaning.split()) in " ".join(printed.stdout.split())


@pytest.mark.parametrize("name", ["sql", "explain", "fsck", "compact", "forget"])
def test_a_command_without_a_plan_tells_the_lake_that_it_asks(name: str) -> None:
    printed = " ".join(CliRunner().invoke(curate_app, [name, "--help"], env={"COLUMNS": "200"}).stdout.split())
    assert "[default: .assay/lake]" in printed
    assert "in place of the plan's" not in printed
