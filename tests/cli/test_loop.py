"""`train loop` in processes of its own: the quickstart's pool, and a kill -9 in the middle of the second round."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.stores.lake import Lake

Run = Callable[..., Any]
SOAK = os.environ.get("ASSAY_SOAK", "") == "1"
WAIT_S = 2_400 if SOAK else 600  # the soak runs whole sizes, and beside other work
ONE = {"OMP_NUM_THREADS": "1"}  # sums in one order, so that two processes end with equal weights
PLAN = """
name = "one digit"
lake = "{lake}"
[[source]]
type = "files"
paths = "{problems}"
verifier = "numeric"
[split]
held_out = 8
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
budget = 8
[train]
steps = 6
problems_per_step = 2
group_size = 4
learning_rate = 1e-4
save_every = 2
eval_samples = 2
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """48 sums, differences of which the model solves many and not all."""
    rows = [{"prompt": f"{a}+{b}=", "answer": str(a + b)} for a in range(12, 84, 9) for b in (3, 14, 27, 38, 46, 59)]
    (tmp_path / "problems.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = tmp_path / "plan.toml"
    path.write_text(PLAN.format(lake=tmp_path / "lake", problems=tmp_path / "problems.jsonl"))
    return path


def kill_in_round_two(looping: "subprocess.Popen[str]", lake: Path) -> None:
    """SIGKILL to `train loop` once the second training has kept a state."""
    until = time.monotonic() + 600
    while time.monotonic() < until and looping.poll() is None:
        if list(lake.glob("checkpoints/*/step-6/model.safetensors")) and list(
            lake.glob("checkpoints/*/.run-*/checkpoint-2/whole.json")
        ):
            break
        time.sleep(0.02)
    assert looping.poll() is None, "the loop ended before it could be killed"
    looping.send_signal(signal.SIGKILL)
    looping.wait()


def final(lake: Path) -> dict[str, set[Any]]:
    """What the rounds left, by key."""
    with Lake(lake, create=False) as opened:
        tables = {
            name: {row["id"] for row in opened.rows(f"SELECT id FROM {name}")}
            for name in ("scores", "selections", "curriculum", "splits")
        }
        stages = {(row["stage"], row["key"]) for row in opened.rows("SELECT stage, key FROM stages")}
        counted = opened.rows(
            'SELECT step, problem_id, count(*) AS n FROM rollouts WHERE "group" IS NOT NULL AND policy NOT IN '
            "(SELECT policy FROM superseded) "
            "GROUP BY ALL"
        )
    return {**tables, "stages": stages, "trained": {tuple(row.values()) for row in counted}}


@pytest.mark.service
def test_a_loop_that_was_killed_in_its_second_round_ends_where_one_that_was_not_does(
    assay: Run, started: Run, config: Path, tmp_path: Path
) -> None:
    straight = assay("train", "loop", config, "--json", "--lake", tmp_path / "straight", timeout=WAIT_S, **ONE)
    assert straight.returncode == 0, straight.stderr
    kill_in_round_two(
        started("train", "loop", config, "--lake", tmp_path / "killed", env={**os.environ, **ONE}), tmp_path / "killed"
    )
    resumed = assay("train", "loop", config, "--json", "--lake", tmp_path / "killed", timeout=WAIT_S, **ONE)
    assert resumed.returncode == 0, resumed.stderr
    assert "round 1" not in resumed.stderr
    assert "continuing after step" in resumed.stderr
    assert final(tmp_path / "killed") == final(tmp_path / "straight")
    told = [
        [{key: one[key] for key in ("held_out", "band", "refresh")} for one in json.loads(ran.stdout)["rounds"]]
        for ran in (straight, resumed)
    ]
    assert told[0] == told[1]


def quickstart(folder: Path, root: Path) -> Path:
    """The quickstart's plan: a quarter of each source in the gate, all of it in the soak."""
    text, share = (
        (root / "configs" / "quickstart.toml").read_text(),
        1 if SOAK else 4,
    )
    fewer = re.sub(r"(?m)^(size|limit|held_out) = (\d+)$", lambda line: f"{line[1]} = {int(line[2]) // share}", text)
    (folder / "quickstart.toml").write_text(fewer)
    return folder / "quickstart.toml"


@pytest.mark.soak
@pytest.mark.model
def test_two_rounds_on_the_quickstarts_pool_and_then_nothing_to_do(
    assay: Run, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    groups, size = (2, 4) if SOAK else (1, 2)  # a step on this model and its six shots takes .5 to 4 s a rollout
    few = {
        "score.n": 2,
        "embed.encoder": "tfidf",
        "select.budget": 4,
        "select.group_size": 4,
        "loop.resample_fraction": 0.05,
        "loop.resample_unsolved_fraction": 0.1,
    }
    short = {
        "train.steps": 1,
        "train.problems_per_step": groups,
        "train.group_size": size,
        "train.save_every": 0,
        "train.eval_samples": 1,
    }
    sets = [word for name, value in {**few, **short}.items() for word in ("--set", f"{name}={value}")]
    fixed = (quickstart(tmp_path, request.config.rootpath), "--lake", tmp_path / "lake", "--json", *sets)
    ran = assay("train", "loop", *fixed, timeout=WAIT_S)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert [one["round"] for one in told["rounds"]] == [1, 2]
    with Lake(tmp_path / "lake", create=False) as opened:
        pool, held_out = (
            row["n"] for row in opened.rows("SELECT count(*) AS n FROM splits GROUP BY side ORDER BY side = 'held_out'")
        )
    for one in told["rounds"]:
        assert one["held_out"]["problems"] == held_out
        low, high = one["held_out"]["difference"][1:]
        assert low <= one["held_out"]["difference"][0] <= high
        assert one["spent"]["training"]["rollouts"] == groups * size
        assert sum(one["refresh"][name] for name in ("decided", "attempted", "carried", "unscored")) == pool
    again = assay("train", "loop", *fixed, timeout=WAIT_S)
    assert (again.returncode, json.loads(again.stdout)["nothing_to_do"], json.loads(again.stdout)["tokens"]) == (
        0,
        True,
        0,
    )
    assert "round" not in again.stderr
