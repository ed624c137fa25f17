"""Held-out problems are attempted without changing training, and again after a kill only where that is needed."""

import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from assay.core.errors import ConfigError
from assay.core.types import GradingCase, Label, Policy, Problem, SamplingConfig, Verdict
from assay.training.held_out.attempts import HeldOutSet


def test_training_does_not_notice_that_it_is_evaluated(room: SimpleNamespace, tmp_path: Any) -> None:
    from safetensors.torch import load_file

    fixed: dict[str, Any] = {"steps": 5, "save_every": 2}
    plain = room.train("12", **fixed)
    room.sink.writes, room.sink.logs = [], []
    held = HeldOutSet({room.ids[name]: room.problems[room.ids[name]] for name in "34"}, room.labels, samples=3)
    seen = room.train("12", output=tmp_path / "seen", held_out=held, eval_every=2, **fixed)
    left, right = (load_file(run.checkpoint / "model.safetensors") for run in (plain, seen))
    assert all(left[name].equal(right[name]) for name in left)
    evaluations = {step: values for step, values in room.sink.logs if "eval_pass_at_1" in values}
    assert sorted(evaluations) == [0, 2, 4, 5]
    attempts = [rollout for rollout in room.sink.rollouts if rollout.problem_id in held.problems]
    assert len(attempts) == 4 * 2 * 3
    assert len({rollout.id for rollout in attempts}) == len(attempts)
    assert all(rollout.group is None and rollout.advantage is None for rollout in attempts)
    rewards = {verdict.rollout_id: verdict.reward for _, verdicts in room.sink.writes for verdict in verdicts}
    for step, values in evaluations.items():
        assert values["eval_pass_at_1"] == pytest.approx(
            sum(rewards[rollout.id] for rollout in attempts if rollout.step == step) / 6
        )
        assert values["eval_pass_at_1_low"] <= values["eval_pass_at_1"] <= values["eval_pass_at_k"]


def test_trackers_get_held_out_pass_rates_and_no_step_loses_its_own(
    room: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assay.training.trainer.callbacks import StepLog

    tracked: list[tuple[int, dict[str, float]]] = []
    original = StepLog.on_log  # which gets what every tracker gets

    def on_log(self: Any, args: Any, state: Any, control: Any, logs: Any, **more: Any) -> None:
        tracked.append((state.global_step, dict(logs)))
        original(self, args, state, control, logs, **more)

    monkeypatch.setattr(StepLog, "on_log", on_log)
    held = HeldOutSet({room.ids["4"]: room.problems[room.ids["4"]]}, room.labels, samples=2)
    room.train("12", steps=2, held_out=held, eval_every=1)
    seen = {step: logs["eval_pass_at_1"] for step, logs in tracked if "eval_pass_at_1" in logs}
    stored = {step: values["eval_pass_at_1"] for step, values in room.sink.logs if "eval_pass_at_1" in values}
    assert seen == stored
    assert sorted(seen) == [0, 1, 2]
    steps = [logs for _, logs in tracked if "loss" in logs]
    assert len(steps) == 2
    assert all({"reward", "entropy", "grad_norm", "frac_reward_zero_std"} <= logs.keys() for logs in steps)


def test_a_killed_run_keeps_the_evaluation_of_its_state_and_repeats_the_later_ones(room: SimpleNamespace) -> None:
    held = HeldOutSet({room.ids["4"]: room.problems[room.ids["4"]]}, room.labels, samples=2)
    fixed: dict[str, Any] = {"steps": 4, "save_every": 2, "held_out": held, "eval_every": 1}
    original = room.sink.write

    def write(rollouts: Any, verdicts: Any) -> None:
        original(rollouts, verdicts)
        if rollouts[0].step == 3 and rollouts[0].group is None:
            raise KeyboardInterrupt

    room.sink.write = write
    with pytest.raises(KeyboardInterrupt):
        room.train("12", **fixed)
    room.sink.write = original
    room.train("12", **fixed)
    counted = [rollout.step for rollout in room.sink.counted if rollout.group is None]
    assert sorted(counted) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert len([rollout for rollout in room.sink.rollouts if rollout.group is None]) == len(counted) + 2


def test_a_held_out_prompt_beyond_the_window_is_refused_before_the_first_step(room: SimpleNamespace) -> None:
    long = Problem.of("1+" * 130 + "1=?")
    held = HeldOutSet({long.id: long}, {long.id: room.labels[room.ids["1"]]}, samples=1)
    with pytest.raises(ConfigError, match=rf"problem {long.id}: prompt of 282 .* window of 256"):
        room.train(held_out=held, eval_every=1)
    room.train(held_out=held, steps=1)  # nothing is attempted


def test_an_attempt_whose_verifier_failed_is_no_wrong_answer() -> None:
    outcomes = [
        "verifier_error",
        "verifier_error",
        "correct",
        "correct",
        "correct",
        "wrong",
        "truncated",
        "verifier_error",
    ]
    problems = {name: Problem.of(name) for name in "ab"}
    held = HeldOutSet(
        problems, {name: Label.of(problem.id, "1", verifier="exact") for name, problem in problems.items()}, samples=4
    )

    def judge(cases: Sequence[GradingCase]) -> list[Verdict]:
        return [
            Verdict.of(case, verifier="exact", version="1", outcome=outcome)
            for case, outcome in zip(cases, outcomes, strict=True)
        ]  # type: ignore[arg-type]

    sink = SimpleNamespace(write=lambda rollouts, verdicts: None, log=lambda *_: None)
    recorder = SimpleNamespace(
        run="run",
        base=Policy("base", "0"),
        attempt=0,
        judge=SimpleNamespace(judge=judge),
        sink=sink,
        reporter=SimpleNamespace(say=lambda text: None),
        decode=lambda ids: "1",
        sampler=SamplingConfig(),
        end_tokens=(0,),
        mode="strict",
    )
    values = held.evaluate(recorder, 1, lambda ids, step: [[0]] * len(ids))  # type: ignore[arg-type]
    assert values["eval_pass_at_1"] == pytest.approx((1 + 1 / 3) / 2)
    assert math.isnan(values["eval_pass_at_k"])  # neither problem has four judged attempts
