"""An online curriculum names each step's problems, is told what came of them, and goes on from a state as if nothing had happened."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from assay.core.errors import PlanError, TrainingError
from assay.core.types import Group, Pool
from assay.curricula.bandit import Bandit
from assay.curricula.dynamic import Dynamic
from assay.curricula.weighted import Weighted

FIXED: dict[str, Any] = {"group_size": 4, "groups": 2, "micro_batch": 4}


def pool(room: SimpleNamespace) -> Pool:
    ids = tuple(sorted(room.problems))
    return Pool(ids, {"mean": np.array([0.1, 0.3, 0.6, 0.9])})


class Heard:
    """Wraps a course and keeps what it named and heard."""

    def __init__(self, behind: Any) -> None:
        self.behind, self.named, self.heard = behind, [], []
        self.refills = behind.refills

    def next(self, groups: int) -> tuple[str, ...]:
        assert len(self.heard) == len(self.named), "asked for a step before it was told of the one before"
        self.named.append(self.behind.next(groups))
        return self.named[-1]

    def observe(self, groups: list[Group]) -> None:
        self.heard.append(groups)
        self.behind.observe(groups)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.behind, name)


def test_each_step_trains_on_what_was_named_and_tells_what_came_of_it(room: SimpleNamespace) -> None:
    course = Heard(Bandit(bins=2).begin(pool(room), seed=1))
    room.train(course=course, steps=5, **FIXED)
    met = [[rollout.problem_id for rollout in rollouts] for rollouts, _ in room.sink.writes]
    assert met == [[id_ for id_ in ids for _ in range(4)] for ids in course.named]
    for groups, (rollouts, verdicts), ids in zip(course.heard, room.sink.writes, course.named, strict=True):
        assert tuple(group.problem_id for group in groups) == ids
        for place, group in enumerate(groups):
            own = verdicts[4 * place : 4 * place + 4]
            assert group.counts.correct == sum(verdict.outcome == "correct" for verdict in own)
            assert group.counts.total == 4
            mixed = len({verdict.reward for verdict in own}) > 1
            assert (group.advantage > 0) == mixed
            assert group.advantage == pytest.approx(np.mean([abs(rollout.advantage) for rollout in rollouts[4 * place : 4 * place + 4]]))


def test_a_killed_run_goes_on_with_the_problems_that_it_would_have_had(room: SimpleNamespace, tmp_path: Path) -> None:
    fixed = {"steps": 6, "save_every": 2, **FIXED}
    room.train(course=Bandit(bins=2).begin(pool(room), seed=1), **fixed)
    straight = [(each.step, each.problem_id, each.text) for each in room.sink.counted]
    room.sink.writes, original = [], room.sink.write

    def write(rollouts: Any, verdicts: Any) -> None:
        original(rollouts, verdicts)
        if rollouts[0].step == 3:
            room.sink.write = original
            raise KeyboardInterrupt

    room.sink.write = write
    with pytest.raises(KeyboardInterrupt):
        room.train(course=Bandit(bins=2).begin(pool(room), seed=1), output=tmp_path / "killed", **fixed)
    room.train(course=Bandit(bins=2).begin(pool(room), seed=1), output=tmp_path / "killed", **fixed)
    assert [(each.step, each.problem_id, each.text) for each in room.sink.counted] == straight


def test_a_state_without_the_curriculums_own_is_refused(room: SimpleNamespace, tmp_path: Path) -> None:
    from assay.training.resuming import restore_course

    (tmp_path / "checkpoint-2").mkdir()
    with pytest.raises(PlanError, match=r"holds no curriculum\.npz"):
        restore_course(tmp_path / "checkpoint-2", Bandit(bins=2).begin(pool(room), seed=1))


def test_a_curriculum_that_runs_out_says_in_which_step(room: SimpleNamespace) -> None:
    with pytest.raises(TrainingError, match="step 3 of 9: the curriculum gave 0 of 2"):
        room.train(course=Bandit(bins=2, refill=False).begin(pool(room), seed=1), steps=9, **FIXED)


def test_refills_are_refused_before_anything_is_written(room: SimpleNamespace) -> None:
    with pytest.raises(PlanError, match="refills a step up to 10 times"):
        room.train(course=Dynamic().begin(pool(room), seed=1), **FIXED)
    assert not room.output.exists()


def test_a_problem_of_no_weight_teaches_nothing(room: SimpleNamespace) -> None:
    """At step 0 the least easy problem weighs 0 and the easiest 1, so with that one problem alone the weights stay as they were."""
    from safetensors.torch import load_file

    before = load_file(room.tiny / "model.safetensors")
    changed = {}
    for name, mean in (("least", 0.0), ("most", 1.0)):
        course = Weighted(ease="range", steps=100).begin(Pool(pool(room).ids, {"mean": np.array([mean, 1 - mean, 0.5, 0.5])}), seed=0)
        course.next = lambda groups: (pool(room).ids[0],) * groups
        made = room.train(course=course, steps=1, output=room.output / name, **FIXED)
        after = load_file(made.checkpoint / "model.safetensors")
        changed[name] = any(not after[key].equal(before[key]) for key in before)
    assert changed == {"least": False, "most": True}
