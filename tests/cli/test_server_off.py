"""What works while the server is off: every command that makes no attempt, by the policy that the lake knows."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from assay.cli.apps import assay_app
from assay.engines.openai import endpoints
from assay.engines.scripted import Scripted
from assay.engines.server.app import ModelServer
from assay.stores.lake import Lake

pytestmark = pytest.mark.service
Call = Callable[..., Any]


@pytest.fixture
def call() -> Call:
    """Runs a command in this process."""
    return lambda *words: CliRunner().invoke(assay_app, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture
def served(tmp_path: Path, scripted: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A plan whose policy is a scripted server, and that server, which may be closed."""
    monkeypatch.setattr(endpoints, "FIRST_REST_S", 0.001)
    servers: list[ModelServer] = []

    def start(model: str = "scripted", **script: Any) -> tuple[Path, ModelServer]:
        servers.append(ModelServer(Scripted(**{"rule": "sum", **script})).start())
        policy = {"engine": "openai", "model": model, "urls": [servers[-1].url], "retries": 0, "retry_for_s": 0.0}
        plan = scripted(tmp_path, policy=policy, split={"held_out": 4})
        text = "".join(line for line in plan.read_text().splitlines(keepends=True) if not line.startswith("rule"))
        plan.write_text(text)
        return plan, servers[-1]

    yield start
    for server in servers:
        server.close()


COMMANDS: list[tuple[str, list[str]]] = [
    ("status", []),
    ("analyze selectors", ["--json"]),
    ("analyze selectors", []),
    ("analyze curricula", []),
    ("analyze pass-at-k", []),
    ("analyze lengths", []),
    ("analyze clusters", []),
    ("report", []),
    ("run", []),
    ("run", ["--dry-run"]),
    ("run", ["--set", "select.budget=3"]),
    ("order", []),
    ("regrade", []),
]


@pytest.mark.parametrize("model", ["scripted", ""], ids=["named", "the server's only model"])
def test_every_command_without_an_attempt_works_while_the_server_is_off(
    served: Any, call: Call, tmp_path: Path, model: str
) -> None:
    plan, server = served(model)
    assert call("curate", "run", plan).exit_code == 0
    server.close()
    for command, options in COMMANDS:
        extra = ["--out", tmp_path / "page.html"] if command == "report" else []
        ran = call("curate", *command.split(), plan, *options, *extra)
        assert ran.exit_code == 0, (command, options, ran.output[-600:])
        assert "no server responds" not in ran.output, command
    exported = call("curate", "export", plan, "--to", "jsonl", "--out", tmp_path / "out")
    assert exported.exit_code == 0, exported.output
    assert len((tmp_path / "out" / "train.jsonl").read_text().splitlines()) == 6


def test_a_new_attempt_asks_the_server_and_says_that_it_is_off(served: Any, call: Call) -> None:
    plan, server = served()
    assert call("curate", "run", plan).exit_code == 0
    server.close()
    ran = call("curate", "run", plan, "--set", "score.n=6")
    assert ran.exit_code == 1
    assert "no server responds" in ran.output
    assert server.url in ran.output


def test_a_changed_checkpoint_is_told_by_the_next_attempt_and_not_before(served: Any, call: Call) -> None:
    plan, server = served()
    assert call("curate", "run", plan).exit_code == 0
    server.close()
    plan, _ = served(rule="spread")
    assert call("curate", "run", plan).exit_code == 0, "there is nothing to attempt"
    ran = call("curate", "run", plan, "--set", "score.n=6")
    assert ran.exit_code == 2
    assert "is not the checkpoint whose attempts the lake holds" in ran.output
    with Lake(plan.parent / "lake") as lake:
        assert lake.rows("SELECT count(*) AS n FROM rollouts") == [{"n": 16 * 4}], "nothing was drawn"


def test_status_of_a_lake_without_attempts_says_what_is_left(served: Any, call: Call) -> None:
    plan, server = served()
    server.close()
    assert call("curate", "split", plan).exit_code == 2, "clean is not done"
    for stage in ("ingest", "clean", "split"):
        assert call("curate", stage, plan).exit_code == 0, stage
    ran = call("curate", "status", plan, "--json")
    assert ran.exit_code == 0, ran.output
    states = {row["stage"]: row for row in json.loads(ran.stdout)["stages"]}
    assert states["score"]["state"] == "next"
    assert states["score"]["left"]["samples"] == 64
