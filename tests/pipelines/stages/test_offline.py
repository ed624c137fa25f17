"""The stages `sft` and `dpo` on a real lake with the bundled model: what they read, learn, leave and refuse."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.api import NullReporter
from assay.core.config import parse_config
from assay.core.errors import ConfigError, Stopped
from assay.core.identity import content_id
from assay.pipelines.context.run import RunContext
from assay.pipelines.loop.evaluate import evaluate, last_counts
from assay.pipelines.runner.stages import plan_training, run_stages, run_training
from assay.stores.lake import Lake

Made = Callable[..., RunContext]
ATTEMPTS = """
SELECT r.problem_id, r.id, r.policy, c.text, v.outcome, v.label_id FROM rollouts r
JOIN verdicts v ON v.rollout_id = r.id JOIN completions c ON c.id = r.id
WHERE r.step IS NULL AND r.finish = 'stop' ORDER BY r.problem_id, r.sample
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Made:
    """A scored pool of sums, a fifth held out; keyword arguments are tables of the config."""
    sums = tmp_path / "sums.jsonl"

    def make(*, step: int = 17, **tables: Any) -> RunContext:
        pairs = [(a, b) for a in range(13, 99, step) for b in range(14, 99, step - 1)]
        rows = [{"prompt": f"{a}+{b}=", "answer": str(a + b)} for a, b in pairs]
        sums.write_text("".join(json.dumps(row) + "\n" for row in rows))
        tree = {
            "lake": str(tmp_path / "lake"),
            "source": [{"part": "files", "paths": str(sums), "verifier": "numeric"}],
            "split": {"held_out": len(rows) // 5},
            "policy": {"model": "tiny-arithmetic", "engine": "transformers", "max_tokens": 6},
            "score": {"n": 8, "truncated": "wrong"},
            **tables,
        }
        config = parse_config(tree)
        context = RunContext(config, Lake(config.lake), NullReporter())
        run_stages(context, "score")
        return context

    return make


def synthesize(context: RunContext, method: str = "kept", **changes: Any) -> tuple[int, int]:
    """Store the right attempts as targets, and as pairs right against wrong ones, as a method of synthesis does."""
    key = content_id("synthesis", method, changes)
    rows = context.lake.rows(ATTEMPTS)
    right = [row for row in rows if row["outcome"] == "correct"]
    first_wrong = {row["problem_id"]: row for row in reversed(rows) if row["outcome"] == "wrong"}
    shared = {"synthesis_id": key, "method": method, "confidence": 1.0, "verified": True, "side": "train"} | changes
    targets = [
        {
            **shared,
            "id": content_id("target", key, row["id"]),
            "problem_id": row["problem_id"],
            "rollout_id": row["id"],
            "origin": "policy",
        }
        for row in right
    ]
    pairs = [
        {
            **shared,
            "id": content_id("pair", key, row["id"]),
            "problem_id": row["problem_id"],
            "rule": "outcome",
            "chosen": row["id"],
            "rejected": first_wrong[row["problem_id"]]["id"],
            "margin": 1.0,
        }
        for row in right
        if row["problem_id"] in first_wrong
    ]
    context.log_run("start")
    line = {"id": content_id("stage", key), "stage": "synthesize", "key": key, "rows_in": 0, "rows_out": 0}
    stages = [{**line, "detail": "{}", "seconds": 0.0}]
    context.append({"targets": targets, "pairs": pairs, "stages": stages})
    return len(targets), len(pairs)


def metric(context: RunContext, name: str) -> list[float]:
    query = (
        "SELECT value FROM train_metrics WHERE name = ? AND policy NOT IN (SELECT policy FROM superseded) ORDER BY step"
    )
    return [row["value"] for row in context.lake.rows(query, [name])]


@pytest.mark.model
def test_sft_on_right_answers_lowers_the_loss_and_raises_held_out_accuracy(tiny: Made) -> None:
    context = tiny(
        step=7, train={"eval_every": 1000, "eval_samples": 8}, sft={"rows_per_step": 32, "learning_rate": 1e-4}
    )
    targets, _ = synthesize(context)
    outcome = run_training(context, "sft")
    assert (outcome.stage, outcome.rows_in, outcome.detail["rows"]) == ("sft", targets, targets)
    assert (outcome.detail["method"], outcome.detail["rollouts"]) == ("kept", 2 * 39 * 8)
    losses = metric(context, "loss")
    assert len(losses) == outcome.detail["steps"] == -(-targets // 32)
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])
    before, after = evaluate(context, kind="sft")["points"]
    assert after["difference"][0] > 0.05
    assert (before["problems"], after["k"]) == (39, 8)
    assert run_training(context, "sft").reused


@pytest.mark.model
def test_dpo_on_right_and_wrong_answers_raises_the_margin(tiny: Made) -> None:
    context = tiny(step=9, dpo={"learning_rate": 1e-5, "rows_per_step": 8, "epochs": 2.0})
    _, pairs = synthesize(context)
    outcome = run_training(context, "dpo")
    assert (outcome.stage, outcome.rows_in, outcome.detail["rows"]) == ("dpo", pairs, pairs)
    margins, accuracies = metric(context, "reward_margin"), metric(context, "reward_accuracy")
    assert margins[0] == pytest.approx(0, abs=1e-4)
    assert sum(margins[-5:]) / 5 > 0.2
    assert sum(accuracies[-5:]) / 5 > 0.7
    assert context.lake.rows("SELECT count(*) AS n FROM superseded") == [{"n": 0}]


@pytest.mark.model
def test_a_stopped_training_goes_on_and_base_and_checkpoint_are_attempted(tiny: Made) -> None:
    context = tiny(train={"save_every": 1, "eval_every": 2, "eval_samples": 1}, sft={"steps": 4, "rows_per_step": 4})
    synthesize(context)
    asked = iter([False, False, True])
    context.stop = lambda: next(asked, False)
    with pytest.raises(Stopped, match="after step 3 of 4"):
        run_training(context, "sft")
    outcome = run_training(context, "sft", resume=True)
    assert outcome.detail["steps"] == 4
    assert len(metric(context, "loss")) == 4
    assert [point["policy"] for point in evaluate(context, kind="sft")["points"]] == ["step 0", "step 2", "step 4"]
    plain = tiny(sft={"steps": 1, "rows_per_step": 4})
    run_training(plain, "sft")
    assert [point["policy"] for point in evaluate(plain, kind="sft", samples=1)["points"]] == ["before", "after"]
    assert len(last_counts(plain, 1, "sft")) == 7


@pytest.mark.model
def test_a_training_killed_by_the_machine_goes_on_to_the_same_weights(tiny: Made, tmp_path: Path) -> None:
    tables: dict[str, Any] = {
        "train": {"save_every": 2, "eval_every": 1, "eval_samples": 1},
        "sft": {"steps": 6, "rows_per_step": 4},
    }
    context = tiny(**tables)
    synthesize(context)
    config = context.config.model_dump(mode="json")
    (tmp_path / "config.json").write_text(json.dumps(config))
    died = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "config.json"], capture_output=True, text=True)
    assert died.returncode == -signal.SIGKILL, died.stderr
    killed = run_training(context, "sft", resume=True)
    steps = context.lake.rows(
        "SELECT count(*) AS n, count(DISTINCT id) AS ids, count(DISTINCT step) AS steps FROM train_metrics "
        "WHERE name = 'loss' AND policy NOT IN (SELECT policy FROM superseded)"
    )
    assert steps == [{"n": 6, "ids": 6, "steps": 6}]
    whole = tiny(**tables | {"train": tables["train"] | {"output": str(tmp_path / "whole")}})
    stage = plan_training(whole, "sft")
    assert stage.finished()  # the folder of the checkpoint decides nothing
    again = stage.run()
    first, second = (Path(run.detail["checkpoint"], "model.safetensors").read_bytes() for run in (killed, again))
    assert first == second


def test_what_cannot_be_learnt_is_said_in_one_line(tiny: Made) -> None:
    context = tiny()
    with pytest.raises(ConfigError, match="the lake holds no targets: `curate synthesize PLAN METHOD` makes them"):
        run_training(context, "sft")
    synthesize(context, verified=False, confidence=0.5)
    with pytest.raises(ConfigError, match=r"sft: none of \d+ targets of kept is left: \d+ are not verified"):
        run_training(context, "sft")
    assert plan_training(tiny(sft={"verified": False}), "sft").remaining().steps
    with pytest.raises(ConfigError, match="no pairs of method 'tree', but of kept"):
        run_training(tiny(dpo={"method": "tree"}), "dpo")
    synthesize(context, "other")
    with pytest.raises(ConfigError, match="the lake holds targets of kept, other: name one as `method`"):
        run_training(context, "sft")
    with pytest.raises(ConfigError, match=r"nothing to resume: .*`train sft PLAN` starts it"):
        run_training(tiny(sft={"method": "other"}), "sft", resume=True)
    with pytest.raises(ConfigError, match="train eval needs a finished training: `train sft PLAN` first"):
        evaluate(tiny(sft={"method": "other"}), kind="sft")


def test_rows_of_held_out_problems_are_refused(tiny: Made) -> None:
    synthesize(tiny())
    other = tiny(split={"held_out": 5, "seed": 1})
    with pytest.raises(ConfigError, match=r"kept has targets of [1-9] held-out problems"):
        plan_training(other, "sft").remaining()


def test_the_key_holds_what_changes_what_is_learnt(tiny: Made) -> None:
    synthesize(tiny())
    key = plan_training(tiny(), "sft").key
    for table, changes, same in (
        ("sft", {"epochs": 2.0}, False),
        ("sft", {"method": "kept"}, True),
        ("train", {"lora_rank": 2}, False),
        ("train", {"eval_every": 3, "save_every": 1, "steps": 9}, True),
        ("dpo", {"beta": 0.2}, True),
    ):
        assert (plan_training(tiny(**{table: changes}), "sft").key == key) is same, (table, changes)
    assert plan_training(tiny(dpo={"beta": 0.2}), "dpo").key != plan_training(tiny(), "dpo").key


KILLED = """
import json, os, signal, sys

from assay.api import NullReporter
from assay.core.config import parse_config
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_training
from assay.stores.lake import Lake


class Killed(NullReporter):
    def say(self, text):
        if text.startswith("step 4 of 6"):
            os.kill(os.getpid(), signal.SIGKILL)


config = parse_config(json.load(open(sys.argv[1])))
run_training(RunContext(config, Lake(config.lake), Killed()), "sft")
"""
