"""`curate schedule serve` and `deploy` for real: a schedule fires, one scheduled run at a time, and what is refused."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from assay.cli.apps import curate_app
from assay.core.errors import ConfigError
from assay.flows.schedules import DeploymentSpec, ScheduleTimes
from assay.pipelines.context.locks import schedule_lock
from assay.stores.lake import Lake

Plans = Callable[..., tuple[Path, Path]]


def count(lake: Path, table: str) -> int:
    with Lake(lake) as opened:
        return int(opened.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"])


@pytest.mark.service
def test_a_schedule_fires_and_the_lake_has_its_rows(server: Any, finished: Any) -> None:
    assert finished.run["state"]["type"] == "COMPLETED", server.log(finished.run["id"])
    assert finished.run["auto_scheduled"]
    assert {table: count(finished.lake, table) for table in ("problems", "rollouts", "scores", "curriculum")} == {
        "problems": 8,
        "rollouts": 16,
        "scores": 8,
        "curriculum": 3,
    }


@pytest.mark.service
def test_what_serves_ends_when_it_is_interrupted_and_pauses_its_schedule(finished: Any) -> None:
    assert finished.code == 0, finished.said
    assert "serving curate/nightly, every 15 s" in finished.said
    assert re.search(r"^\d\d:\d\d:\d\d run 'nightly 20.*' started \(scheduled\)$", finished.said, re.MULTILINE)
    assert re.search(r"run 'nightly 20.*' ended Completed: rows out: ingest 8, .*order 3$", finished.said, re.MULTILINE)
    assert finished.said.splitlines()[-1] == "no longer serving curate/nightly; its schedule is paused"
    assert finished.paused


@pytest.mark.service
def test_a_run_is_refused_while_another_has_the_turn_and_a_started_one_is_not(server: Any, plans: Plans) -> None:
    config, lake = plans("hourly", overlap="refuse")
    with schedule_lock(lake, "hourly", overlap="refuse", dead_after_s=4, say=print):
        serving = server.assay("curate", "schedule", "serve", str(config), "--lake", str(lake), "--interval", "15")
        try:
            refused = server.ended(server.first("hourly"))
            assert refused["state"]["type"] == "CANCELLED", server.log(refused["id"])
            assert f"another scheduled run of 'hourly' is running (process {os.getpid()}" in refused["state"]["message"]
            call = [
                sys.executable,
                "-m",
                "prefect",
                "deployment",
                "run",
                "curate/hourly",
                "--param",
                'overrides=["select.budget=2"]',
            ]
            subprocess.run(call, env=server.env, check=True, capture_output=True, timeout=120)
            started = server.until(lambda: [run for run in server.runs("hourly") if not run["auto_scheduled"]])[0]
            assert server.ended(started["id"])["state"]["type"] == "COMPLETED", server.log(started["id"])
            serving.send_signal(signal.SIGTERM)
            _, said = serving.communicate(timeout=120)
            assert (serving.returncode, "RuntimeWarning" in said) == (0, False), said
            assert "ended Cancelled: another scheduled run of 'hourly' is running" in said
            assert "started (by hand)" in said
        finally:
            server.end(serving)
    assert count(lake, "curriculum") == 2


@pytest.mark.service
def test_a_killed_run_does_not_block_the_next_which_waits_for_a_turn_that_is_taken(server: Any, plans: Plans) -> None:
    config, lake = plans("weekly", delay_s=3.0)
    serve = (
        "curate",
        "schedule",
        "serve",
        str(config),
        "--lake",
        str(lake),
        "--interval",
        "15",
        "--set",
        "score.problems_per_commit=1",
        "--set",
    )
    serving = server.assay(*serve, "policy.delay_s=3.0")
    try:
        dead = server.first("weekly")
        before = server.until(lambda: count(lake, "rollouts") if (lake / "lake.json").exists() else 0)
    finally:
        server.end(serving)  # SIGKILL, to what serves and to its run
    assert 0 < before < 16
    serving = server.assay(*serve, "policy.delay_s=0.0")
    try:
        with schedule_lock(
            lake, "weekly", overlap="refuse", dead_after_s=4, say=print
        ):  # which the dead one has no longer
            run = server.until(lambda: [run for run in server.runs("weekly") if run["id"] != dead])[0]["id"]
            server.pause("weekly")
            server.until(lambda: "this one waits until it ends" in server.log(run))
            assert count(lake, "rollouts") < 16
        assert server.ended(run)["state"]["type"] == "COMPLETED", server.log(run)
    finally:
        server.end(serving)
    assert (count(lake, "rollouts"), count(lake, "curriculum")) == (16, 3)
    state = server.ended(dead)["state"]
    assert (state["type"], "is gone" in state["message"]) == ("CRASHED", True), (
        "nobody told the server of the killed run"
    )


@pytest.mark.service
def test_a_worker_of_a_process_pool_runs_what_was_deployed_by_cron(server: Any, plans: Plans) -> None:
    config, lake = plans("pooled")
    deploy = [
        "curate",
        "schedule",
        "deploy",
        str(config),
        "--lake",
        str(lake),
        "--cron",
        "* * * * * */15",
        "--pool",
        "laptop",
    ]
    refused = server.assay(*deploy)
    assert (
        refused.communicate(timeout=120)[1]
        == "error: no work pool 'laptop'; known: none; `prefect work-pool create laptop --type process` creates it\n"
    )
    assert refused.returncode == 2
    server.ask("work_pools/", name="cloud", type="docker")
    other = server.assay(*deploy[:-1], "cloud")
    assert (
        "work pool 'cloud' is of type 'docker'; `curate schedule deploy` builds for type 'process'"
        in other.communicate(timeout=120)[1]
    )
    assert (other.returncode, server.ask("deployments/filter", deployments={"name": {"any_": ["pooled"]}})) == (2, [])
    prefect = [sys.executable, "-m", "prefect"]
    subprocess.run(
        [*prefect, "work-pool", "create", "laptop", "--type", "process"],
        env=server.env,
        check=True,
        capture_output=True,
        timeout=120,
    )
    deployed = server.assay(*deploy)
    assert "deployed curate/pooled, next at 20" in deployed.communicate(timeout=120)[1]
    call = [*prefect, "worker", "start", "--pool", "laptop"]
    working = subprocess.Popen(
        call, env=server.env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True
    )
    try:
        run = server.first("pooled")
        assert server.ended(run)["state"]["type"] == "COMPLETED", server.log(run)
    finally:
        server.end(working)
    assert count(lake, "curriculum") == 3


SERVED = {
    ("--cron", "0 2 * *"): "--cron '0 2 * *' --timezone 'UTC': Invalid cron string",
    ("--cron", "0 0 30 2 *"): "failed to find next date",
    ("--cron", "0 2 * * *", "--interval", "9"): "both --cron and --interval are given",
    (): "neither --cron nor --interval is given",
    ("--interval", "0"): "--interval 0.0: must be a number of seconds above 0",
    ("--interval", "9", "--timezone", "Asia/Tokyo"): "not to --interval",
    ("--cron", "0 2 * * *", "--timezone", "Mars/North"): 'Invalid timezone: "Mars/North"',
    ("--interval", "9", "--name", "a/b"): "deployment 'a/b'",
    ("--interval", "9", "--set", "flow.overlap='queue'"): "flow.overlap",
}


@pytest.mark.parametrize("flags", SERVED)
def test_a_bad_schedule_is_one_line_before_anything_starts(plans: Plans, flags: tuple[str, ...]) -> None:
    pytest.importorskip("prefect", reason="the extra flows is not installed")
    config, lake = plans("bad")
    ran = CliRunner().invoke(curate_app, ["schedule", "serve", str(config), "--lake", str(lake), *flags])
    assert ran.exit_code == 2
    assert ran.stderr.startswith("error: ")
    assert SERVED[flags] in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert not lake.exists()


@pytest.mark.service
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "a schedule needs a server"),
        ("http://127.0.0.1:9/api", "no Prefect server answers at http://127.0.0.1:9/api"),
    ],
)
def test_a_schedule_without_a_server_is_one_line(tmp_path: Path, plans: Plans, url: str, said: str) -> None:
    config, _ = plans("alone")
    env = {**os.environ, "PREFECT_HOME": str(tmp_path), "PREFECT_API_URL": url}
    call = [
        sys.executable,
        "-m",
        "assay",
        "curate",
        "schedule",
        "deploy",
        str(config),
        "--cron",
        "0 2 * * *",
        "--pool",
        "laptop",
    ]
    ran = subprocess.run(call, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 2
    assert ran.stderr.startswith(f"error: {said}")
    assert ran.stderr.count("\n") == 1


@pytest.mark.service
def test_a_missing_extra_is_named_with_its_command(plans: Plans) -> None:
    config, _ = plans("bare")
    code = "import sys; sys.modules['prefect'] = None; sys.argv = ['curate', *sys.argv[1:]]; from assay.cli import curate; curate()"
    call = [sys.executable, "-c", code, "schedule", "serve", str(config), "--interval", "9"]
    ran = subprocess.run(call, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 2
    assert "pip install 'assay-curation[flows]'" in ran.stderr
    assert ran.stderr.count("\n") == 1


@pytest.mark.service
def test_prefect_is_told_to_send_nothing_before_a_schedule_loads_it(plans: Plans) -> None:
    pytest.importorskip("prefect", reason="the extra flows is not installed")
    config, _ = plans("quiet")
    code = """
import os, sys
class First:
    def find_spec(self, name, path, target=None):
        if name == "prefect":
            print("told" if os.environ.get("DO_NOT_TRACK") == "1" else "not told")
sys.meta_path.insert(0, First())
sys.argv = ["curate", *sys.argv[1:]]
from assay.cli import curate
curate()
"""
    env = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DO_NOT_TRACK", "PREFECT_SERVER_ANALYTICS_ENABLED")
    }
    call = [sys.executable, "-c", code, "schedule", "serve", str(config), "--cron", "0 2 * *"]
    ran = subprocess.run(call, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert (ran.returncode, ran.stdout) == (2, "told\n")


def test_the_parameters_that_the_ui_can_change_name_whole_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = DeploymentSpec("nightly", Path("plan.toml"), "lake", ("select.budget=2",), ScheduleTimes(interval_s=9))
    assert made.parameters == {
        "config": str(tmp_path / "plan.toml"),
        "lake": str(tmp_path / "lake"),
        "overrides": ["select.budget=2"],
    }
    assert (
        DeploymentSpec("nightly", Path("plan.toml"), "s3://bucket/lake", (), made.when).parameters["lake"]
        == "s3://bucket/lake"
    )
    assert DeploymentSpec("nightly", Path("plan.toml"), "", (), made.when).parameters["lake"] is None
    assert json.loads(json.dumps(made.parameters)) == made.parameters
    with pytest.raises(ConfigError, match="above 0"):
        ScheduleTimes(interval_s=-1)
