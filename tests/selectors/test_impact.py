"""Problems whose rewards rose as those of all did, by the paper's formula from what a lake's trainings stored."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.selectors.impact import CURVES, Impact
from assay.stores.lake import Lake

OUTCOMES = {"rises": ("wwww", "cwww", "ccww"), "solved": ("cccc", "cccc", "cccc"), "dead": ("wwww", "wwww", "wwww")}


def store(lake: Lake, outcomes: dict[str, tuple[str, ...]], training: str = "t") -> None:
    """Store a training in which each problem came every third step: c = right, w = wrong."""
    rows: dict[str, list[dict[str, Any]]] = {"rollouts": [], "verdicts": [], "train_metrics": []}
    for problem, visits in outcomes.items():
        for visit, texts in enumerate(visits):
            step, policy = 3 * visit, f"{training} {3 * visit}"
            log = {"id": policy, "training": training, "step": step, "name": "reward", "policy": policy}
            rows["train_metrics"].append(log)
            for n, letter in enumerate(texts):
                id_, outcome = f"{problem} {policy} {n}", {"c": "correct", "w": "wrong"}[letter]
                shared = {"problem_id": problem, "policy": policy, "step": step, "sampler": "s", "guided": False}
                rows["rollouts"].append({**shared, "id": id_, "sample": n, "tokens": 3})
                judged = {"label_id": f"l-{problem}", "verifier": "math", "version": "1", "outcome": outcome}
                rows["verdicts"].append({**judged, "id": f"v {id_}", "rollout_id": id_})
    lake.append(rows)


def test_the_impact_is_the_papers_formula_over_the_visits_of_each_problem(tmp_path: Path) -> None:
    with Lake(tmp_path / "lake") as lake:
        store(lake, {**OUTCOMES, "once": ("cwww",)})
        found = {row["problem_id"]: row["value"] for row in lake.rows(CURVES)}
    rate = {name: np.array([text.count("c") / 4 for text in texts]) for name, texts in OUTCOMES.items()}
    mean = np.array([(0 + 1 + 0 + 0.25) / 4, (0.25 + 1) / 3, (0.5 + 1) / 3])  # "once" came to the first visit alone
    expected = {name: 1 - ((r - mean) ** 2).sum() / ((1 - mean) ** 2).sum() for name, r in rate.items()}
    assert found == pytest.approx(expected)
    assert found["solved"] == 0
    assert max(found, key=found.__getitem__) == "rises"


def test_several_trainings_have_a_curve_each_and_are_summed(tmp_path: Path) -> None:
    with Lake(tmp_path / "lake") as lake:
        store(lake, OUTCOMES)
        one = {row["problem_id"]: row["value"] for row in lake.rows(CURVES)}
        store(lake, OUTCOMES, "another")
        assert {row["problem_id"]: row["value"] for row in lake.rows(CURVES)} == pytest.approx(one)
        store(lake, {"rises": ("cccc", "cccc"), "dead": ("cccc", "cccc")}, "third")
        both = {row["problem_id"]: row["value"] for row in lake.rows(CURVES)}
    assert both == pytest.approx(one)  # where all are always right there is nothing to be near to


def test_problems_above_the_threshold_stay_the_highest_first(pool_of, rng):
    pool = pool_of([4] * 4, impact=[0.7, 0.2, 0.95, 0.6])
    assert Impact().select(pool, 9, rng).ids == ("p000", "p002", "p003")
    selection = Impact().select(pool, 1, rng)
    assert selection.ids == ("p002",)
    assert selection.dropped == {"low_impact": ("p001",), "not_chosen": ("p000", "p003")}


def test_both_ends_of_the_threshold_and_equal_impacts_at_random(pool_of, rng):
    pool = pool_of([4] * 4, impact=[0.7, -2.0, 1.0, 0.6])
    assert Impact(least=-5).select(pool, 9, rng).ids == pool.ids
    assert Impact(least=1).select(pool, 9, rng).ids == ("p002",)
    alike = pool_of([4] * 3, impact=[0.8] * 3)
    assert {Impact().select(alike, 1, np.random.default_rng(seed)).ids for seed in range(30)} == {
        ("p000",),
        ("p001",),
        ("p002",),
    }
