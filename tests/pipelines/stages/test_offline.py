"""The stages `sft`, `dpo` and `kto` on a real lake with the bundled model: what they read, learn, leave and refuse."""

import json
import shutil
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
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import side_ids
from assay.pipelines.loop.evaluate import evaluate, last_counts
from assay.pipelines.runner.stages import plan_training, run_stages, run_training
from assay.pipelines.runner.synthesis import run_synthesis
from assay.stores.lake import Lake

Made = Callable[..., RunContext]
RIGHT = {"rule": "vanilla", "attempts": 8, "distinct": False}  # every right one of the stored attempts
PAIRS = "python:our_pairs:RightOverWrong"
OUR_PAIRS = """
from dataclasses import dataclass
from typing import ClassVar

from assay.core.synthesis import Pair, Target


@dataclass(frozen=True)
class RightOverWrong:
    needs: ClassVar = ("attempted",)
    draws: ClassVar = False
    confidence: float = 1.0
    both: bool = False  # a target besides

    def synthesize(self, evidence):
        for problem in evidence.attempted():
            right = [attempt for attempt in problem.attempts if attempt.correct]
            wrong = [attempt for attempt in problem.attempts if attempt.outcome == "wrong"]
            for chosen in right if wrong else []:
                yield Pair(
                    problem.problem_id, "outcome", chosen.rollout_id, wrong[0].rollout_id, problem.label.id,
                    margin=1.0, confidence=self.confidence, policy=chosen.policy,
                )
            if self.both and right:
                yield Target(problem.problem_id, problem.label.id, right[0].rollout_id)
"""


def planned(sums: Path, lake: Path, step: int) -> dict[str, Any]:
    """A plan over sums with operands so far apart, a fifth held out."""
    pairs = [(a, b) for a in range(13, 99, step) for b in range(14, 99, step - 1)]
    rows = [{"prompt": f"{a}+{b}=", "answer": str(a + b)} for a, b in pairs]
    sums.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {
        "lake": str(lake),
        "source": [{"type": "files", "paths": str(sums), "verifier": "numeric"}],
        "split": {"held_out": len(rows) // 5},
        "policy": {"truncated": "wrong", "model": "tiny-arithmetic", "engine": "transformers", "max_tokens": 6},
        "score": {"n": 8},
    }


def scored(tree: dict[str, Any]) -> RunContext:
    config = parse_config(tree)
    context = RunContext(config, Lake(config.lake), NullReporter())
    run_stages(context, "score")
    return context


@pytest.fixture(scope="module")
def attempted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with sums 17 apart and a lake of scored attempts at them: to copy, not to write."""
    folder = tmp_path_factory.mktemp("attempted")
    scored(planned(folder / "sums.jsonl", folder / "lake", 17)).lake.close()
    return folder


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attempted: Path) -> Made:
    """A scored pool of sums, a fifth held out; keyword arguments are tables of the config."""
    (tmp_path / "our_pairs.py").write_text(OUR_PAIRS)
    monkeypatch.syspath_prepend(tmp_path)

    def make(*, step: int = 17, **tables: Any) -> RunContext:
        lake, folder = tmp_path / "lake", attempted if step == 17 else tmp_path
        if step == 17 and not lake.exists():
            shutil.copytree(attempted / "lake", lake)
        methods = {"synthesize": {"methods": ["dart", PAIRS], "settings": {"dart": RIGHT}}}
        return scored({**planned(folder / "sums.jsonl", lake, step), **methods, **tables})

    return make


def synthesize(context: RunContext, method: str = "dart") -> int:
    """Run one method and return its rows."""
    (result,) = run_synthesis(context, method)
    return result.rows_out


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
    targets = synthesize(context)
    synthesize(context, PAIRS)
    outcome = run_training(context, "sft")
    assert (outcome.stage, outcome.rows_in, outcome.detail["rows"]) == ("sft", targets, targets)
    assert (outcome.detail["method"], outcome.detail["rollouts"]) == ("dart", 2 * 39 * 8)
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
    pairs = synthesize(context, PAIRS)
    synthesize(context)
    outcome = run_training(context, "dpo")
    assert (outcome.stage, outcome.rows_in, outcome.detail["rows"]) == ("dpo", pairs, pairs)
    margins, accuracies = metric(context, "reward_margin"), metric(context, "reward_accuracy")
    assert margins[0] == pytest.approx(0, abs=1e-4)
    assert sum(margins[-5:]) / 5 > 0.2
    assert sum(accuracies[-5:]) / 5 > 0.7
    assert context.lake.rows("SELECT count(*) AS n FROM superseded") == [{"n": 0}]


@pytest.mark.model
def test_kto_learns_from_single_answers_and_sft_from_the_right_ones(tiny: Made) -> None:
    context = tiny(step=9, synthesize={"methods": ["unpaired"]}, kto={"learning_rate": 1e-4, "rows_per_step": 16})
    (made,) = run_synthesis(context, "unpaired")
    assert made.detail["only_right"] + made.detail["only_wrong"] > 10
    outcome = run_training(context, "kto")
    assert (outcome.stage, outcome.rows_in) == ("kto", made.detail["desirable"] + made.detail["undesirable"])
    chosen, rejected = metric(context, "reward_chosen"), metric(context, "reward_rejected")
    assert chosen[0] == pytest.approx(0, abs=1e-4)
    half = len(chosen) // 2  # of the steps: by then right answers lie above wrong ones
    assert sum(chosen[half:]) - sum(rejected[half:]) > 0.03 * half, (chosen, rejected)
    assert run_training(context, "kto").reused
    assert plan_training(context, "sft").remaining().rows_in == made.detail["desirable"]


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
    config["synthesize"] = {"methods": ["dart"], "settings": {"dart": RIGHT}}
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
    first = "dart is not up to date with the lake: run `curate synthesize CONFIG dart` first"
    with pytest.raises(ConfigError, match=first):
        run_training(context, "sft")
    synthesize(context)
    with pytest.raises(ConfigError, match="RightOverWrong is not up to date with the lake"):
        run_training(context, "dpo")
    synthesize(context, PAIRS)
    with pytest.raises(ConfigError, match="dart made no pairs"):
        run_training(tiny(dpo={"method": "dart"}), "dpo")
    with pytest.raises(ConfigError, match="no method of synthesis is named"):
        run_training(tiny(synthesize={}), "sft")
    with pytest.raises(ConfigError, match=r"nothing to resume: .*start it with `train sft CONFIG`"):
        run_training(context, "sft", resume=True)
    with pytest.raises(ConfigError, match="train eval needs a finished training: run `train sft CONFIG` first"):
        evaluate(context, kind="sft")


def test_rows_of_which_a_method_is_unsure_are_left_out(tiny: Made) -> None:
    unsure = {"methods": [PAIRS], "settings": {PAIRS: {"confidence": 0.5}}}
    pairs = synthesize(tiny(synthesize=unsure), PAIRS)
    assert plan_training(tiny(synthesize=unsure), "dpo").remaining().rows_in == pairs
    strict = plan_training(tiny(synthesize=unsure, dpo={"min_confidence": 0.9}), "dpo")
    with pytest.raises(ConfigError, match=rf"dpo: none of {pairs} pairs of .* is left: 0 are not verified"):
        strict.remaining()


def test_of_several_methods_one_must_be_named(tiny: Made) -> None:
    both = {"methods": ["dart", PAIRS], "settings": {"dart": RIGHT, PAIRS: {"both": True}}}
    context = tiny(synthesize=both)
    assert synthesize(context) > synthesize(context, PAIRS) - synthesize(tiny(), PAIRS) > 0
    with pytest.raises(ConfigError, match="dart, python:our_pairs:RightOverWrong have targets: choose one of them"):
        run_training(context, "sft")
    stage = plan_training(tiny(synthesize=both, sft={"method": PAIRS}), "sft")
    assert stage.remaining().rows_in == len(context.lake.rows("SELECT 1 FROM targets WHERE method = ?", [PAIRS]))


def test_rows_of_held_out_problems_are_refused(tiny: Made) -> None:
    context = tiny()
    synthesize(context)
    stage = plan_training(context, "sft")
    (held_out, *_) = side_ids(context, stage.inputs, "held_out")
    (row, *_) = context.lake.rows("SELECT * EXCLUDE (run) FROM targets WHERE synthesis_id = ?", [stage.synthesis.id])
    context.append({"targets": [{**row, "id": "0" * 24, "problem_id": held_out}]})
    with pytest.raises(ConfigError, match=f"dart has targets of 1 held-out problems, first {held_out}"):
        plan_training(context, "sft").remaining()


def test_the_key_holds_what_changes_what_is_learnt(tiny: Made) -> None:
    synthesize(tiny())
    synthesize(tiny(), PAIRS)
    key = plan_training(tiny(), "sft").key
    for table, changes, same in (
        ("sft", {"epochs": 2.0}, False),
        ("sft", {"method": "dart"}, True),
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
