"""`train run --flow`, `curate refresh --flow` and `train loop --flow` on the bundled model, and the same flows as a deployment starts them."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.stores.lake import Lake

pytestmark = pytest.mark.service
PLAN = """
name = "{folder.name}"
lake = "{folder}/lake"
[[source]]
type = "files"
paths = "{folder}/sums.jsonl"
verifier = "numeric"
[split]
held_out = 4
[policy]
model = "tiny-arithmetic"
engine = "transformers"
max_tokens = 4
truncated = "wrong"
[score]
n = 2
[embed]
encoder = "tfidf"
clusters = 2
[select]
selector = "uniform"
budget = 4
[train]
steps = 1
group_size = 2
save_every = 0
eval_samples = 1
[synthesize]
methods = ["dart"]
settings.dart = {{ rule = "vanilla", attempts = 2, distinct = false }}
[sft]
steps = 1
rows_per_step = 2
[loop]
kinds = ["grpo", "sft"]
"""
# Runs what each line asks for, a command or a flow as a deployment starts it, and answers how it ended: torch and Prefect are imported once.
HOST = """
import json, os, sys
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
from prefect.flows import load_flow_from_entrypoint
from typer.testing import CliRunner
from assay.cli.apps import assay_app
for line in sys.stdin:
    flow, *words = json.loads(line)
    if flow:
        load_flow_from_entrypoint(f"assay.flows.{flow}.{flow}")(*words)
        told = [0, ""]
    else:
        ran = CliRunner().invoke(assay_app, words)
        told = [ran.exit_code, ran.output + repr(ran.exception)]
    print(json.dumps(told), file=answers, flush=True)
"""
Ran = tuple[dict[str, Any], set[str], set[str]]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    rows = [{"prompt": f"{a}+{b}=", "answer": str(a + b)} for a in (2, 5, 17, 29) for b in (3, 4, 26)]
    (folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "plan.toml").write_text(PLAN.format(folder=folder))
    subprocess.run(
        [sys.executable, "-m", "assay", "curate", "run", folder / "plan.toml"],
        check=True,
        capture_output=True,
        timeout=400,
    )
    return folder / "plan.toml"


@pytest.fixture(scope="module")
def ran(server: Any, config: Path) -> Iterator[Callable[..., Ran]]:
    """Runs a flow, or a command where that is "", to its end: the flow run, the names of its tasks, and its artifacts without the plan's name."""
    env = {**server.env, "OMP_NUM_THREADS": "1", "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "1"}
    host = subprocess.Popen(
        [sys.executable, "-c", HOST], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    asked, answers = host.stdin, host.stdout
    assert asked is not None
    assert answers is not None

    def run(flow: str, *words: str) -> Ran:
        before = {each["id"] for each in server.ask("flow_runs/filter")}
        print(json.dumps([flow, *words]), file=asked, flush=True)
        code, said = json.loads(answers.readline())
        assert code == 0, said[-3000:]
        (made,) = [each for each in server.ask("flow_runs/filter") if each["id"] not in before]
        tasks = {each["name"] for each in server.ask("task_runs/filter", flow_runs={"id": {"any_": [made["id"]]}})}
        return made, tasks, {each.removeprefix(f"{config.parent.name}-") for each in server.artifacts(made["id"])}

    with host:
        yield run


@pytest.fixture(scope="module")
def assay(ran: Callable[..., Ran], config: Path) -> Callable[..., Ran]:
    return lambda *command: ran("", *command, str(config), "--flow")


@pytest.fixture(scope="module")
def entered(ran: Callable[..., Ran], config: Path) -> Callable[[str], Ran]:
    return lambda name: ran(name, str(config))


def counts(config: Path) -> dict[str, int]:
    with Lake(config.parent / "lake") as lake:
        tables = ("rollouts", "scores", "train_metrics", "stages")
        return {name: int(lake.rows(f'SELECT count(*) AS n FROM "{name}"')[0]["n"]) for name in tables}


def told(made: dict[str, Any]) -> tuple[str, str, str]:
    return made["name"].split()[0], made["state"]["type"], made["state"]["message"]


def test_training_refreshing_and_rounds_find_nothing_to_do_the_second_time(
    server: Any, config: Path, assay: Callable[..., Ran], entered: Callable[[str], Ran]
) -> None:
    shown = {"kept-and-dropped", "difficulty", "report"}

    made, tasks, artifacts = assay("train", "run")
    assert told(made)[:2] == (config.parent.name, "COMPLETED")
    assert made["state"]["message"].startswith(f"checkpoint {config.parent}/lake/checkpoints/")
    assert (tasks, artifacts) == ({"train"}, shown)
    trained = counts(config)
    assert trained["train_metrics"] > 0
    server.until(lambda: "checkpoint" in server.log(made["id"]))  # sent once a second
    assert entered("train")[0]["state"]["message"].startswith("nothing to do: checkpoint ")

    made, tasks, artifacts = assay("curate", "refresh")
    assert told(made)[:2] == (config.parent.name, "COMPLETED")
    assert "0 stored rollouts graded again, round 1 refreshed" in made["state"]["message"]
    assert (tasks, artifacts) == ({"refresh"}, shown)
    refreshed = counts(config)
    assert refreshed["scores"] > trained["scores"]
    assert entered("refresh")[0]["state"]["message"] == "nothing to do: nothing was stale"

    made, tasks, artifacts = assay("train", "loop")
    assert told(made)[:2] == (config.parent.name, "COMPLETED")
    assert made["state"]["message"].startswith("round 1: held-out pass@1 ")
    assert "; round 2: held-out pass@1 " in made["state"]["message"]
    assert (tasks, artifacts) == ({"round 1", "round 2"}, {*shown, "rounds"})
    rows = json.loads(server.artifacts(made["id"])[f"{config.parent.name}-rounds"]["data"])
    assert [(row["round"], row["kind"], row["problems"]) for row in rows] == [(1, "grpo", 4), (2, "sft", 4)]
    looped = counts(config)
    assert looped["train_metrics"] > refreshed["train_metrics"]
    assert entered("rounds")[0]["state"]["message"].startswith("nothing to do: round 1: ")
    assert {**counts(config), "stages": 0} == {**looped, "stages": 0}
    assert not list((config.parent / "lake" / "leases").glob("*.json"))
