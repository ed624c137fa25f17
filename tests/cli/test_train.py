"""The bundled model learns on a curated curriculum, through a kill -9, and the held-out problems say so."""

import json
import os
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
PLAN = """
name = "two digits"
lake = "{lake}"
[[source]]
type = "files"
paths = "{problems}"
verifier = "numeric"
[split]
held_out = 200
[policy]
model = "tiny-arithmetic"
engine = "transformers"
max_tokens = 8
truncated = "wrong"
[score]
n = 8
problems_per_commit = 64
[embed]
encoder = "tfidf"
[select]
selector = "informative"
budget = 320
[order]
curriculum = "shuffled"
[train]
objective = "dr_grpo"
steps = 60
problems_per_step = 16
micro_batch_size = 128
learning_rate = 5e-5
warmup_steps = 10
save_every = 10
eval_every = 60
eval_samples = 16
"""


@pytest.fixture
def config(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """671 sums, differences and products of two digits that the model never saw, 200 of them held out."""
    script = request.config.rootpath / "examples" / "tiny_model" / "problems.py"
    made = subprocess.run(
        [sys.executable, str(script), "--each", "300", "--seed", "5"], capture_output=True, text=True, check=True
    )
    rows = [line for line in made.stdout.splitlines() if json.loads(line)["digits"] == 2]
    (tmp_path / "problems.jsonl").write_text("\n".join(rows))
    path = tmp_path / "plan.toml"
    path.write_text(PLAN.format(lake=tmp_path / "lake", problems=tmp_path / "problems.jsonl"))
    return path


def kill_once(training: Any, lake: Path, step: int) -> None:
    """SIGKILL to `train run` once it has kept a state at or after `step`."""
    until = time.monotonic() + 120
    while time.monotonic() < until and training.poll() is None:
        if any(
            int(path.parent.name.split("-")[1]) >= step
            for path in lake.glob("checkpoints/*/.run-*/checkpoint-*/whole.json")
        ):
            break
        time.sleep(0.02)
    assert training.poll() is None, "the training ended before it could be killed"
    training.send_signal(signal.SIGKILL)
    training.wait()


@pytest.mark.service
def test_the_tiny_model_gets_better_on_a_curated_curriculum_through_a_kill(
    assay: Run, started: Run, config: Path, tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    assert assay("curate", "run", config).returncode == 0
    refused = assay("train", "resume", config)
    assert (refused.returncode, "nothing to resume" in refused.stderr) == (2, True)
    kill_once(started("train", "run", config), lake, 20)
    resumed = assay("train", "resume", config, "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert "continuing after step" in resumed.stderr
    told = json.loads(assay("train", "eval", config, "--json").stdout)
    before, after = told["points"]
    assert (before["policy"], after["policy"], after["problems"]) == ("step 0", "step 60", 200)
    mean, low, _ = after["difference"]
    assert low > 0, f"pass@1 rose by {mean}, from {low}"
    assert told["frontier"]["above"] > told["frontier"]["below"]
    itself = json.loads(assay("train", "compare", config, config, "--json").stdout)
    assert [row["pass_at_1"] for row in itself] == [after["pass_at_1"]] * 2
    mean, low, high = itself[1]["difference"]
    assert (mean, low) == (0.0, -high)
    assert 0 < high < 0.01, "200 equal pairs rule out nothing below a hundredth"
    with Lake(lake) as opened:
        order = [row["problem_id"] for row in opened.rows("SELECT problem_id FROM curriculum ORDER BY position")]
        met = opened.rows(
            'SELECT step, problem_id, count(*) AS n FROM rollouts WHERE "group" IS NOT NULL AND policy NOT IN '
            "(SELECT policy FROM superseded) "
            'GROUP BY ALL ORDER BY step, min("group")'
        )
        assert opened.rows(
            "SELECT count(*) AS n FROM superseded WHERE policy NOT IN (SELECT policy FROM rollouts)"
        ) == [{"n": 0}]
    steps = [sorted(row["problem_id"] for row in met if row["step"] == step) for step in range(60)]
    assert steps == [
        sorted(order[place % len(order)] for place in range(step * 16, step * 16 + 16)) for step in range(60)
    ]
    assert {row["n"] for row in met} == {8}


@pytest.mark.service
def test_two_processes_train_one_run(assay: Run, config: Path, tmp_path: Path) -> None:
    fixed = [
        "--set",
        "score.n=2",
        "--set",
        "select.budget=40",
        "--set",
        "train.steps=3",
        "--set",
        "train.micro_batch_size=32",
        "--set",
        "train.eval_every=0",
    ]
    assert assay("curate", "run", config, *fixed).returncode == 0
    launch = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc_per_node",
        "2",
        "-m",
        "assay",
        "train",
        "run",
        str(config),
        *fixed,
    ]
    both = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(launch, capture_output=True, text=True, timeout=120, check=False, env=both)
    assert ran.returncode == 0, ran.stderr[-3000:]
    with Lake(tmp_path / "lake") as opened:
        counted = opened.rows(
            "SELECT step, problem_id, count(*) AS n FROM rollouts WHERE step IS NOT NULL GROUP BY ALL ORDER BY step"
        )
        order = [row["problem_id"] for row in opened.rows("SELECT problem_id FROM curriculum ORDER BY position")]
        told = opened.rows("SELECT name, value FROM train_metrics WHERE step = 2")
        ended = opened.rows("SELECT count(*) AS n FROM runs WHERE command = 'train run'")
    assert {row["n"] for row in counted} == {8}
    assert {row["problem_id"] for row in counted if row["step"] == 2} == {order[place % 40] for place in range(32, 48)}
    values = {row["name"]: row["value"] for row in told}
    assert (values["rollouts"], len(told)) == (128, len(values))
    assert ended == [{"n": 2}]
    assert len(list((tmp_path / "lake" / "checkpoints").glob("*/step-3/model.safetensors"))) == 1
