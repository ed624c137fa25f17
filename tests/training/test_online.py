"""An online curriculum chooses each step's problems, observes the results, and resumes as if nothing had happened."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from assay.core.errors import ConfigError, TrainingError
from assay.core.types import GroupResult, Pool, SamplingConfig
from assay.curricula.bandit import Bandit
from assay.curricula.dynamic import Dynamic
from assay.curricula.weighted import Weighted

FIXED: dict[str, Any] = {"group_size": 4, "problems_per_step": 2, "micro_batch_size": 4}


def pool(room: SimpleNamespace) -> Pool:
    ids = tuple(sorted(room.problems))
    return Pool(ids, {"mean": np.array([0.1, 0.3, 0.6, 0.9])})


class RecordingCurriculum:
    """Wraps an online curriculum and remembers what it chose and observed."""

    def __init__(self, wrapped: Any) -> None:
        self.wrapped, self.chosen, self.observed = wrapped, [], []
        self.max_resamples = wrapped.max_resamples

    def sample(self, groups: int) -> tuple[str, ...]:
        assert len(self.observed) == len(self.chosen), "asked for a step before it was told of the one before"
        self.chosen.append(self.wrapped.sample(groups))
        return self.chosen[-1]

    def observe(self, groups: list[GroupResult]) -> None:
        self.observed.append(groups)
        self.wrapped.observe(groups)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wrapped, name)


def test_each_step_trains_on_what_was_named_and_tells_what_came_of_it(room: SimpleNamespace) -> None:
    online = RecordingCurriculum(Bandit(bins=2).begin(pool(room), seed=1))
    room.train(online=online, steps=5, **FIXED)
    met = [[rollout.problem_id for rollout in rollouts] for rollouts, _ in room.sink.writes]
    assert met == [[id_ for id_ in ids for _ in range(4)] for ids in online.chosen]
    for groups, (rollouts, verdicts), ids in zip(online.observed, room.sink.writes, online.chosen, strict=True):
        assert tuple(group.problem_id for group in groups) == ids
        for place, group in enumerate(groups):
            own = verdicts[4 * place : 4 * place + 4]
            assert group.counts.correct == sum(verdict.outcome == "correct" for verdict in own)
            assert group.counts.total == 4
            mixed = len({verdict.reward for verdict in own}) > 1
            assert (group.advantage > 0) == mixed
            assert group.advantage == pytest.approx(
                np.mean([abs(rollout.advantage) for rollout in rollouts[4 * place : 4 * place + 4]])
            )


def test_a_killed_run_goes_on_with_the_problems_that_it_would_have_had(room: SimpleNamespace, tmp_path: Path) -> None:
    fixed = {"steps": 6, "save_every": 2, **FIXED}
    room.train(online=Bandit(bins=2).begin(pool(room), seed=1), **fixed)
    straight = [(rollout.step, rollout.problem_id, rollout.text) for rollout in room.sink.counted]
    room.sink.writes, original = [], room.sink.write

    def write(rollouts: Any, verdicts: Any) -> None:
        original(rollouts, verdicts)
        if rollouts[0].step == 3:
            room.sink.write = original
            raise KeyboardInterrupt

    room.sink.write = write
    with pytest.raises(KeyboardInterrupt):
        room.train(online=Bandit(bins=2).begin(pool(room), seed=1), output=tmp_path / "killed", **fixed)
    room.train(online=Bandit(bins=2).begin(pool(room), seed=1), output=tmp_path / "killed", **fixed)
    assert [(rollout.step, rollout.problem_id, rollout.text) for rollout in room.sink.counted] == straight


def test_a_state_without_the_curriculums_own_is_refused(room: SimpleNamespace, tmp_path: Path) -> None:
    from assay.training.checkpoints.resume import restore_curriculum

    (tmp_path / "checkpoint-2").mkdir()
    with pytest.raises(ConfigError, match=r"contains no curriculum\.npz"):
        restore_curriculum(tmp_path / "checkpoint-2", Bandit(bins=2).begin(pool(room), seed=1))


def test_a_curriculum_that_runs_out_says_in_which_step(room: SimpleNamespace) -> None:
    with pytest.raises(TrainingError, match="step 3 of 9: the curriculum gave 0 of 2"):
        room.train(online=Bandit(bins=2, refill=False).begin(pool(room), seed=1), steps=9, **FIXED)


def test_a_step_is_refilled_until_it_is_full_of_mixed_groups(room: SimpleNamespace) -> None:
    online = RecordingCurriculum(Dynamic(refills=9).begin(pool(room), seed=1))
    original = room.judge._verdict

    def half(case: Any, place: int) -> Any:  # two of the four problems are never solved
        verdict = original(case, place)
        return replace(verdict, outcome="wrong", reward=0.0) if case.problem.id in pool(room).ids[:2] else verdict

    room.judge._verdict = half
    room.train(online=online, steps=4, **FIXED)
    batches = [sum(group.advantage > 0 for group in groups) for groups in online.observed]
    steps, full = [], 0
    for mixed in batches:
        full += mixed
        if full >= 2:
            steps.append(full)
            full = 0
    assert len(steps) == 4
    assert full == 0
    assert len(batches) > 4  # with half of the problems hopeless some steps took more than one batch
    assert len({rollout.id for rollout in room.sink.rollouts}) == len(room.sink.rollouts) == 8 * len(batches)
    assert [values["rollouts"] for _, values in room.sink.logs]
    assert sum(values["rollouts"] for _, values in room.sink.logs) == 8 * len(batches)


def test_truncated_rollouts_of_a_refilled_step_can_be_left_out_of_the_update(room: SimpleNamespace) -> None:
    online = RecordingCurriculum(Dynamic(refills=9).begin(pool(room), seed=1))
    cut = SamplingConfig(max_tokens=1)
    trained = room.train(online=online, steps=1, sampler=cut, mask_truncated=True, allow_truncated=True, **FIXED)
    assert {rollout.finish for rollout in room.sink.rollouts} == {"length"}
    from transformers import AutoModelForCausalLM

    before, after = (
        AutoModelForCausalLM.from_pretrained(folder).state_dict() for folder in (room.tiny, trained.checkpoint)
    )
    assert all(before[name].equal(after[name]) for name in before)


def test_a_step_without_any_mixed_group_stops_after_its_bound_with_the_numbers(room: SimpleNamespace) -> None:
    room.judge.reward = 0.0
    with pytest.raises(TrainingError, match="step 1: none of 6 groups in 3 batches"):
        room.train(online=Dynamic(refills=2).begin(pool(room), seed=1), **FIXED)


def test_refills_beside_what_reads_one_batch_a_step_are_refused(room: SimpleNamespace) -> None:
    with pytest.raises(ConfigError, match="a teacher or relift"):
        room.train(online=Dynamic().begin(pool(room), seed=1), relift_batch=4, **FIXED)
    assert not room.output.exists()


def test_a_problem_of_no_weight_teaches_nothing(room: SimpleNamespace) -> None:
    """At step 0 the least easy problem weighs 0 and the easiest 1; training on the first alone changes no weight."""
    from safetensors.torch import load_file

    before = load_file(room.tiny / "model.safetensors")
    changed = {}
    for name, mean in (("least", 0.0), ("most", 1.0)):
        online = Weighted(ease="range", steps=100).begin(
            Pool(pool(room).ids, {"mean": np.array([mean, 1 - mean, 0.5, 0.5])}), seed=0
        )
        online.sample = lambda groups: (pool(room).ids[0],) * groups
        result = room.train(online=online, steps=1, output=room.output / name, **FIXED)
        after = load_file(result.checkpoint / "model.safetensors")
        changed[name] = any(not after[key].equal(before[key]) for key in before)
    assert changed == {"least": False, "most": True}


@pytest.mark.parametrize("fresh", [False, True])
def test_a_group_begins_with_its_pilot_and_every_rollout_is_stored_once(room: SimpleNamespace, fresh: bool) -> None:
    from assay.curricula.pilot_groups import PilotGroups

    online = RecordingCurriculum(PilotGroups(new_group=fresh, defer_steps=0, retire_steps=0).begin(pool(room), seed=1))
    piloted: list[list[str]] = []
    screen = online.wrapped.screen

    def screened(groups: int, group_size: int, attempt: Any) -> tuple[str, ...]:
        passed = []

        def recorded(ids: Any) -> Any:
            results = attempt(ids)
            passed.extend(result.problem_id for result in results if 0 < result.counts.correct < 2)
            return results

        online.chosen.append(screen(groups, group_size, recorded))
        piloted.append(passed)
        return online.chosen[-1]

    online.screen = screened  # type: ignore[attr-defined]
    online.pilot, online.fresh = 2, fresh  # type: ignore[attr-defined]
    room.train(online=online, steps=4, **FIXED)
    stored = [rollout for rollouts, _ in room.sink.writes for rollout in rollouts]
    assert len({rollout.id for rollout in stored}) == len(stored)
    assert any(piloted)
    for step, (ids, passed) in enumerate(zip(online.chosen, piloted, strict=True)):
        own = [rollout for rollout in stored if rollout.step == step]
        groups = [rollout for rollout in own if "-pilot-" not in str(rollout.group)]
        assert [rollout.problem_id for rollout in groups] == [id_ for id_ in ids for _ in range(4)]
        pilots = {rollout.problem_id for rollout in own if "-pilot-" in str(rollout.group)}
        assert fresh or not pilots & set(ids)  # a pilot that went on is a part of its group
        assert not passed or set(ids) <= {id_ for earlier in piloted[: step + 1] for id_ in earlier}
        samples = [(rollout.problem_id, rollout.sample) for rollout in own]
        assert len(set(samples)) == len(samples)
    assert [group.counts.total for groups in online.observed for group in groups] == [4] * 8


def test_a_pilot_of_a_whole_group_is_refused(room: SimpleNamespace) -> None:
    from assay.curricula.pilot_groups import PilotGroups

    with pytest.raises(ConfigError, match="a pilot of 4 for groups of 4"):
        room.train(online=PilotGroups(pilot_rollouts=4).begin(pool(room), seed=1), steps=1, **FIXED)
