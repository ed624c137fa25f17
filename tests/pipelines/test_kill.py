"""kill -9 during a run, then the same command: the tables equal an uninterrupted run's, and nothing is paid for twice."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.stores.lake import Lake

Run = Callable[..., Any]
MOMENTS = 12 if os.environ.get("ASSAY_SOAK", "") == "1" else 1
WAIT_S = 1_200 if MOMENTS > 1 else 300  # the soak runs beside other work
TABLES = (
    "problems",
    "labels",
    "pool_members",
    "splits",
    "sampling_configs",
    "rollouts",
    "completions",
    "verdicts",
    "scores",
    "clusters",
    "selections",
    "curriculum",
)
SUMS = """
name = "sums"
seed = 5
[[source]]
type = "files"
paths = "{folder}/sums.jsonl"
[split]
held_out = 10
[policy]
model = "{model}"
engine = "{engine}"
max_tokens = 16
truncated = "wrong"
{settings}
[score]
n = 4
problems_per_commit = 1
[embed]
encoder = "tfidf"
clusters = 3
[select]
budget = 12
"""


def make_plan(folder: Path, name: str, *, model: str, engine: str, settings: str, problems: int = 60) -> Path:
    rows = [{"prompt": f"What is {n} + {n % 9}?", "answer": str(n + n % 9)} for n in range(1, problems + 1)]
    (folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = folder / f"{name}.toml"
    path.write_text(SUMS.format(folder=folder, model=model, engine=engine, settings=settings))
    return path


def command(config: Path, lake: Path) -> tuple[object, ...]:
    return "curate", "run", config, "--lake", lake, "--json"


def finish(assay: Run, config: Path, lake: Path) -> dict[str, int]:
    ran = assay(*command(config, lake), timeout=WAIT_S)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)["spent"]  # type: ignore[no-any-return]


def kill_after(process: Any, lake: Path, rollout_files: int) -> int:
    """Kills a run once so many commits of rollouts are there, and returns the rollouts that it left."""
    end = time.monotonic() + 240
    while len(list(lake.glob("tables/rollouts/[0-9]*.parquet"))) < rollout_files and process.poll() is None:
        assert time.monotonic() < end, "no rollout came"
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the run ended before it could be killed"
    with Lake(lake) as opened:
        return int(opened.rows("SELECT count(*) AS n FROM rollouts")[0]["n"])


def content(lake: Path, table: str, columns: str = "* EXCLUDE (run)") -> list[dict[str, object]]:
    with Lake(lake) as opened:
        return opened.rows(f'SELECT {columns} FROM "{table}" ORDER BY id')


@pytest.mark.soak
@pytest.mark.service
def test_with_replay_an_interrupted_run_leaves_the_tables_of_a_whole_one(
    assay: Run, started: Run, tmp_path: Path
) -> None:
    scripted = make_plan(tmp_path, "scripted", model="scripted", engine="scripted", settings='rule = "sum"')
    finish(assay, scripted, tmp_path / "recorded")
    with Lake(tmp_path / "recorded") as lake:
        from assay.stores import query_results

        recorded = lake.ask("SELECT r.*, t.text FROM rollouts r JOIN completions t USING (id)")
        (tmp_path / "recording.parquet").write_bytes(query_results.encode_parquet(recorded))
    replay = make_plan(
        tmp_path, "replay", model="", engine="replay", settings=f'path = "{tmp_path}/recording.parquet"\ndelay_s = 0.02'
    )
    assert finish(assay, replay, tmp_path / "whole")["samples"] == 200
    moments = random.Random(8).sample(range(1, 45), MOMENTS)
    for moment in moments:
        lake = tmp_path / f"killed{moment}"
        stored = kill_after(started(*command(replay, lake)), lake, moment)
        assert finish(assay, replay, lake)["samples"] == 200 - stored, (
            "a stored rollout was paid for again, or a lost one was not made"
        )
        for table in TABLES:
            assert content(lake, table) == content(tmp_path / "whole", table), (moment, table)


@pytest.mark.model
def test_with_the_real_model_an_interrupted_run_leaves_the_same_keys(assay: Run, started: Run, tmp_path: Path) -> None:
    config = make_plan(
        tmp_path, "real", model="smollm2-135m-instruct", engine="llamacpp", settings="temperature = 0.7", problems=18
    )
    stored = kill_after(started(*command(config, tmp_path / "killed")), tmp_path / "killed", 3)
    assert 0 < stored < 32
    assert finish(assay, config, tmp_path / "killed")["samples"] == 32 - stored
    finish(assay, config, tmp_path / "whole")
    for table in ("problems", "labels", "splits", "sampling_configs", "rollouts", "completions", "verdicts"):
        assert content(tmp_path / "killed", table, "id") == content(tmp_path / "whole", table, "id"), table


@pytest.mark.model
def test_curate_then_train_leaves_a_checkpoint_that_loads_and_rollouts_in_the_lake(assay: Run, tmp_path: Path) -> None:
    config = make_plan(
        tmp_path, "real", model="smollm2-135m-instruct", engine="llamacpp", settings="temperature = 0.7", problems=16
    )
    with config.open("a") as file:
        file.write("[train]\nsteps = 2\ngroup_size = 4\nallow_truncated = true\nsave_every = 0\neval_samples = 1\n")
    finish(assay, config, tmp_path / "lake")
    train = ("train", "run", config, "--lake", tmp_path / "lake", "--json")
    ran = assay(*train, timeout=WAIT_S)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["rollouts"] == 8
    with Lake(tmp_path / "lake") as lake:
        steps = lake.rows(
            "SELECT step, count(*) AS n, count(DISTINCT \"group\") AS groups FROM rollouts WHERE engine = 'trl' GROUP BY step ORDER BY step"
        )
        assert steps == [{"step": 0, "n": 4, "groups": 1}, {"step": 1, "n": 4, "groups": 1}]
        first = lake.rows("SELECT problem_id FROM curriculum ORDER BY lesson, position LIMIT 2")
        met = lake.rows("SELECT DISTINCT step, problem_id FROM rollouts WHERE step IS NOT NULL ORDER BY step")
        assert [row["problem_id"] for row in met] == [row["problem_id"] for row in first], "the curriculum's order"
    loads = "import sys; from transformers import AutoModelForCausalLM as M; M.from_pretrained(sys.argv[1])"
    assert (
        subprocess.run([sys.executable, "-c", loads, told["checkpoint"]], capture_output=True, check=False).returncode
        == 0
    )
    again = assay(*train)
    assert json.loads(again.stdout)["nothing_to_do"] is True
