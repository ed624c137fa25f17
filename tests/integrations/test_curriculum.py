"""Groups that come late, in parts, twice and in another order, at lags 0 to 8 over three epochs with a refresh."""

import json
from pathlib import Path

import numpy as np
import pytest

from assay.core.errors import ConfigError
from assay.core.parts import build_part
from assay.core.types import Counts, GroupResult, Pool
from assay.curricula.online.quotas import begin_curriculum
from assay.curricula.posterior import Posterior
from assay.integrations.curriculum import ObservedAttempt, TrainerCurriculum, load_curriculum

IDS = tuple(f"p{n:02}" for n in range(24))
GROUP, STEP = 4, 6  # rollouts per group, groups per step
STEPS = 3 * len(IDS) // STEP  # three epochs


class Recorded:
    """An online curriculum that writes down what it is told."""

    max_resamples = 0

    def __init__(self, seed: int = 0) -> None:
        self.ids = IDS
        self.inner = begin(seed)
        self.told: list[GroupResult] = []

    def sample(self, groups: int) -> tuple[str, ...]:
        return self.inner.sample(groups)

    def observe(self, groups: list[GroupResult]) -> None:
        self.told += groups
        self.inner.observe(groups)

    def admits(self, group: GroupResult) -> bool:
        return group.counts.correct % GROUP > 0

    def weights(self, ids):
        return self.inner.weights(ids)

    def state_dict(self):
        return self.inner.state_dict()

    def load_state_dict(self, state) -> None:
        self.inner.load_state_dict(state)


def begin(seed: int = 0, better: float = 0.0):
    rows = np.arange(len(IDS)) + 1.0
    return Posterior().begin(Pool(IDS, {"beta_a": rows + better, "beta_b": rows[::-1].copy()}), seed=seed)


def attempts_of(id_: str, group: str, right: int) -> list[ObservedAttempt]:
    return [ObservedAttempt(id_, "correct" if n < right else "wrong", 0.5, group, f"{group}/{n}") for n in range(GROUP)]


@pytest.mark.parametrize("lag", range(9))
@pytest.mark.parametrize("shuffled", [False, True])
def test_each_group_is_told_once_and_in_the_order_of_sampling_whatever_comes_when(lag: int, shuffled: bool) -> None:
    recorded, rng = Recorded(), np.random.default_rng(lag)
    curriculum = TrainerCurriculum(recorded, group_size=GROUP, max_lag=8)
    sampled: list[str] = []
    waiting: list[tuple[int, list[ObservedAttempt]]] = []
    for step in range(STEPS + lag):
        if step < STEPS:
            ids = curriculum.sample(STEP)
            waiting += [
                (step + lag, attempts_of(id_, f"{step}-{n}", int(rng.integers(GROUP + 1)))) for n, id_ in enumerate(ids)
            ]
            sampled += ids
        due = [attempt for when, attempts in waiting if when == step for attempt in attempts]
        if shuffled:
            due = [due[place] for place in rng.permutation(len(due))]
            due += due[:3]  # and some twice
        half = len(due) // 2
        curriculum.observe(due[:half], version=step)
        curriculum.observe(due[half:], version=step + 1)
        if step == STEPS // 2:
            fresh = Recorded(seed=1)
            fresh.told = recorded.told
            recorded = fresh
            curriculum.refresh(recorded)
    assert [group.problem_id for group in recorded.told] == sampled
    assert all(group.counts.total == GROUP for group in recorded.told)
    assert (curriculum.open_groups, curriculum.late) == (0, 0)
    assert curriculum.repeated == (3 * STEPS if shuffled else 0)


def test_the_order_of_arrival_changes_no_choice() -> None:
    choices = []
    for backwards in (False, True):
        curriculum = TrainerCurriculum(begin(), group_size=GROUP)
        for step in range(5):
            ids = curriculum.sample(STEP)
            groups = [attempts_of(id_, f"{step}-{n}", n % 3) for n, id_ in enumerate(ids)]
            for group in reversed(groups) if backwards else groups:
                curriculum.observe(group, version=step)
        choices.append(curriculum.sample(STEP))
    assert choices[0] == choices[1]


def test_a_group_that_never_comes_holds_the_others_up_for_max_lag_versions_only() -> None:
    recorded = Recorded()
    curriculum = TrainerCurriculum(recorded, group_size=GROUP, max_lag=2)
    lost, other = curriculum.sample(2)
    assert curriculum.observe(attempts_of(other, "b", 1), version=1) == 0
    assert curriculum.observe([], version=2) == 0
    assert curriculum.observe([], version=3) == 1  # 3 versions late: given up
    assert [group.problem_id for group in recorded.told] == [other]
    curriculum.observe(attempts_of(lost, "a", 1), version=4)
    assert curriculum.late == GROUP


def test_a_group_in_part_is_told_with_what_has_come_once_it_is_overdue() -> None:
    recorded = Recorded()
    curriculum = TrainerCurriculum(recorded, group_size=GROUP, max_lag=0)
    (id_,) = curriculum.sample(1)
    curriculum.observe(attempts_of(id_, "a", 3)[:2], version=1)
    assert recorded.told == [GroupResult(id_, Counts(correct=2), 0.5)]


def test_a_saved_state_goes_on_with_the_groups_on_their_way() -> None:
    curriculum = TrainerCurriculum(begin(), group_size=GROUP)
    ids = curriculum.sample(STEP)
    curriculum.observe(attempts_of(ids[0], "0", 2)[:2], version=1)
    saved = curriculum.state_dict()
    other = TrainerCurriculum(begin(), group_size=GROUP)
    other.load_state_dict(saved)
    for each in (curriculum, other):
        each.observe(attempts_of(ids[0], "0", 2)[2:], version=2)
        for n, id_ in enumerate(ids[1:], 1):
            each.observe(attempts_of(id_, str(n), n % 4), version=2)
    assert (other.told, other.open_groups) == (STEP, 0)
    assert other.sample(STEP) == curriculum.sample(STEP)


def test_what_cannot_work_is_refused_with_its_numbers(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="group_size is 0 and max_lag is 8"):
        TrainerCurriculum(begin(), group_size=0)
    with pytest.raises(ConfigError, match="is not adaptive, or the file was not copied"):
        load_curriculum(tmp_path / "curriculum.json")
    content = {"curriculum": "posterior", "settings": {"half_life": 5.0}, "seed": 3, "ids": ["a"], "cluster": None}
    (tmp_path / "curriculum.json").write_text(json.dumps({**content, "columns": {"beta_a": [1.0], "beta_b": [2.0]}}))
    assert load_curriculum(tmp_path / "curriculum.json").sample(1) == ("a",)


@pytest.mark.parametrize("name", ["bandit", "bins", "posterior", "predicted", "retire", "skip"])
@pytest.mark.parametrize("quotas", [{}, {"a": 3.0, "b": 1.0}])
def test_a_trainer_that_stops_between_steps_goes_on_with_the_same_problems(name: str, quotas: dict[str, float]) -> None:
    settings = {"bandit": {"by": "source"}, "posterior": {"prior": [0.5, 0.5]}}.get(name, {})
    vectors = np.eye(3, dtype=np.float32)[np.arange(len(IDS)) % 3] if name == "predicted" else None
    pool = Pool(IDS, {"source": np.array(["a", "b"] * 12)}, vectors)

    def begun() -> TrainerCurriculum:
        state = begin_curriculum(build_part("curriculum", name, settings), pool, quotas, seed=7)
        return TrainerCurriculum(state, group_size=GROUP)

    def steps(trainer: TrainerCurriculum, first: int, last: int) -> list[tuple[str, ...]]:
        """Each step's groups come in two parts, the second part only after the next step was sampled."""
        chosen, late = [], []
        for step in range(first, last):
            chosen.append(trainer.sample(STEP))
            parts = [attempts_of(id_, f"{step}/{n}", int(id_[1:]) % 5) for n, id_ in enumerate(chosen[-1])]
            trainer.observe([*late, *(attempt for part in parts for attempt in part[:1])])
            late = [attempt for part in parts for attempt in part[1:]]
            trainer.observe(late)
        return chosen

    whole, first, second = begun(), begun(), begun()
    expected = steps(whole, 0, 10)
    assert steps(first, 0, 4) == expected[:4]
    second.load_state_dict(first.state_dict())
    assert steps(second, 4, 10) == expected[4:]
    if quotas:
        assert all(abs(sum(int(id_[1:]) % 2 for id_ in ids) - 1.5) <= 0.5 for ids in expected)


def test_quotas_travel_in_the_exported_file(tmp_path: Path) -> None:
    content = {
        "curriculum": "dynamic",
        "settings": {},
        "seed": 0,
        "quotas": {"a": 2.0, "b": 1.0},
        "ids": list(IDS),
        "columns": {"source": ["a", "b"] * 12},
        "cluster": None,
    }
    (tmp_path / "curriculum.json").write_text(json.dumps(content))
    ids = load_curriculum(tmp_path / "curriculum.json").sample(6)
    assert sum(int(id_[1:]) % 2 for id_ in ids) == 2
