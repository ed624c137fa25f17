from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from assay.core.types import GradingCase, Policy, Verdict
from assay.training.trainer.rollout_recorder import RolloutRecorder, training_policy
from assay.training.trainer.sampler import GroupSampler


class LetterTokenizer:
    """One letter per token."""

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool) -> str:
        return "x" * len(ids)

    def batch_decode(self, rows: Sequence[Sequence[int]], *, skip_special_tokens: bool) -> list[str]:
        return ["x" * len(ids) for ids in rows]


def recorder_of(room: SimpleNamespace, **changes: object) -> RolloutRecorder:
    ids = list(room.problems)
    fields = {
        "problems": room.problems,
        "labels": room.labels,
        "judge": room.judge,
        "sink": room.sink,
        "reporter": room.reporter,
        "base": room.base,
        "sampler": room.sampler,
        "run": "r",
        "order": GroupSampler(ids, {}, steps=1, groups=1, group_size=4),
        "tokenizer": LetterTokenizer(),
        "end_tokens": frozenset({0}),
    }
    return RolloutRecorder(**{**fields, **changes})


def reward(recorder: RolloutRecorder, cut: int) -> list[float | None]:
    """Four completions, `cut` of them without an end."""
    ids = [[5, 5]] * cut + [[5, 0]] * (4 - cut)
    problem = next(iter(recorder.problems))
    return recorder.reward(completion_ids=ids, problem_id=[problem] * 4, trainer_state=SimpleNamespace(global_step=0))


def test_every_step_is_another_policy_and_none_is_the_base() -> None:
    base = Policy("p", "0" * 16)
    revisions = {training_policy("r", base, step).revision for step in range(3)} | {
        training_policy("s", base, 0).revision,
        base.revision,
    }
    assert len(revisions) == 5
    assert training_policy("r", base, 2).name == "p+step-2"


def test_half_of_the_first_step_cut_is_silent_and_three_quarters_warn(room: SimpleNamespace) -> None:
    for cut, warnings in ((2, 0), (3, 1)):
        recorder = recorder_of(room)
        reward(recorder, cut)
        recorder.record([0.0] * 4, [7] * 4)
        assert len(room.reporter.warnings) == warnings
    assert room.reporter.warnings[0].startswith("75% of the first step's 4 rollouts ran into the limit of 8 tokens")


def test_nearly_all_cut_stops_after_keeping_what_was_paid_for(room: SimpleNamespace) -> None:
    recorder = recorder_of(room)
    reward(recorder, 4)
    with pytest.raises(RuntimeError, match="100% of the first step's 4 rollouts"):
        recorder.record([0.0] * 4, [7] * 4)
    assert [rollout.finish for rollout in room.sink.rollouts] == ["length"] * 4
    assert {rollout.prompt_tokens for rollout in room.sink.rollouts} == {7}


def test_a_failed_verifier_gives_no_reward_rather_than_zero(room: SimpleNamespace) -> None:
    room.judge.errors = 1
    assert reward(recorder_of(room), 0) == [None, 1.0, 1.0, 1.0]


def test_a_batch_out_of_order_stops_the_run(room: SimpleNamespace) -> None:
    other = list(room.problems)[1]
    with pytest.raises(RuntimeError, match="step 1: the batch of 4 rollouts is not the curriculum's 4"):
        recorder_of(room).reward(
            completion_ids=[[5]] * 4, problem_id=[other] * 4, trainer_state=SimpleNamespace(global_step=0)
        )


class Unsure:
    """Accepts everything, but only leniently."""

    def judge(self, cases: Sequence[GradingCase]) -> list[Verdict]:
        return [Verdict.of(case, verifier="unsure", version="1", outcome="wrong", lenient="correct") for case in cases]


def test_rewards_follow_the_mode_and_what_is_stored_holds_both_readings(room: SimpleNamespace) -> None:
    for mode, value in (("strict", 0.0), ("lenient", 1.0)):
        recorder = recorder_of(room, judge=Unsure(), mode=mode)
        assert reward(recorder, 0) == [value] * 4
        assert bool(recorder.failed_problems) == (mode == "strict")
        recorder.record([0.0] * 4, [7] * 4)
        assert {(verdict.outcome, verdict.lenient) for verdict in room.sink.writes[-1][1]} == {("wrong", "correct")}
        assert recorder.group_results()[0].counts.correct == 4 * value
        assert recorder.reward_means == (value,)
