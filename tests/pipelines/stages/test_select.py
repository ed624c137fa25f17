"""What the select stage joins, and what it says where a plan asks for more than there is."""

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from assay.core.config import ScoreConfig
from assay.core.errors import ConfigError
from assay.core.identity import content_id
from assay.core.types import Counts, Score
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages, survey_stages
from assay.stores.lake import Lake

Made = Callable[..., RunContext]


@pytest.fixture(scope="module")
def levels(common_sums: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The same sums with a level, a quality and, for all but four, somebody's solve rate, as a source."""
    rows = [json.loads(line) for line in common_sums.read_text().splitlines()]
    for place, row in enumerate(rows):
        row |= {"level": f"Level {place % 2}", "quality": 1 + place % 3} | ({"rate": place / 40} if place >= 4 else {})
    path = tmp_path_factory.mktemp("levels") / "sums.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {"type": "files", "paths": str(path), "metadata_fields": ["level", "quality", "rate"]}


@pytest.fixture
def graded(levels: dict[str, Any], resumed: Made, tables: dict[str, Any], context: Made) -> Made:
    """A run over them whose scores and clusters are there."""
    resumed("embed", source=[levels])
    tables["source"] = [levels]
    return context


@pytest.fixture
def measured(resumed: Made, context: Made) -> Made:
    """A run whose scores and clusters are there."""
    resumed("embed")
    return context


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr("assay.api.NullReporter.warn", lambda _self, text: said.append(text))
    return said


def kept(context: RunContext) -> int:
    return int(
        context.lake.rows(
            "SELECT count(*) AS n FROM selections WHERE selection_id = ? AND kept",
            [survey_stages(context).results.rows_of("select")],
        )[0]["n"]
    )


def test_fields_that_the_source_kept_are_columns_and_a_problem_without_one_is_unscored(
    graded: Made,
) -> None:
    made = graded(select={"selector": "foreign", "by": "rate", "low": 0.25, "budget": 40}, split={"held_out": 0})
    outcome = run_stages(made)[-2]
    assert outcome.detail["dropped"] == {"below_band": 6, "unscored": 4}
    assert outcome.rows_out == 30


@pytest.mark.parametrize(
    "settings",
    [{"selector": "stratified", "by": "level"}, {"selector": "kmeans_quality"}, {"selector": "deita", "by": "quality"}],
)
def test_levels_and_qualities_serve_the_selectors_that_ask_for_them(graded: Made, settings: dict[str, Any]) -> None:
    made = graded(select={**settings, "budget": 6})
    run_stages(made)
    assert 0 < kept(made) <= 6


def test_a_field_that_nobody_kept_is_named_with_its_neighbours(graded: Made) -> None:
    with pytest.raises(ConfigError, match=r"column 'levl'.*nearest: 'level'"):
        run_stages(graded(select={"selector": "stratified", "by": "levl"}))
    with pytest.raises(
        ConfigError, match=r"selector 'foreign': problem '\w+' has level = 'Level \d', which is not a number"
    ):
        run_stages(graded(select={"selector": "foreign", "by": "level"}))


def test_scores_of_a_search_are_the_column_k_beside_the_plan_s_own_scorer(measured: Made) -> None:
    first = measured()
    ids = [row["problem_id"] for row in first.lake.rows("SELECT problem_id FROM scores ORDER BY problem_id")][:4]
    revision = first.engine.policy.revision
    rows = []
    for id_, at, censored in zip(ids, (1.0, 7.0, 10.0, 50.0), (False, False, False, True), strict=True):
        row = asdict(Score(id_, "mcts", at, at, at, censored=censored))
        counts = row.pop("counts") or asdict(Counts())
        more = {"scoring_id": "search", "policy": revision, "sampler": "s", "verifier": "math@1"}
        rows.append({"id": content_id("score", row, more), **row, **counts, **more})
    first.lake.append({"scores": rows})
    searched = measured(select={"selector": "mcts"})
    outcome = run_stages(searched)[-2]
    assert outcome.detail["dropped"] == {"too_easy": 1, "unscored": 28}
    assert kept(searched) == 3


def test_a_budget_above_the_pool_of_nothing_and_one_that_cannot_be_met_are_said(
    measured: Made, heard: list[str]
) -> None:
    made = measured(select={"selector": "uniform", "budget": 99})
    run_stages(made)
    assert kept(made) == 32
    assert any("select.budget = 99 is above the pool of 32: all problems are kept" in text for text in heard)
    made = measured(select={"selector": "uniform", "budget": 0})
    assert run_stages(made)[-1].rows_out == 0
    assert any("select.budget = 0: nothing is kept" in text for text in heard)
    made = measured(select={"selector": "band", "low": 0.0, "high": 0.000001, "budget": 5})
    run_stages(made)
    assert kept(made) == 0
    assert any("'band' keeps 0 of 32 problems, fewer than the budget of 5" in text for text in heard)


def test_default_settings_do_not_warn_of_each_other_and_a_stated_one_names_the_remedy(
    context: Made, heard: list[str]
) -> None:
    run_stages(context(policy={"truncated": "ignore"}, train={"truncated": "wrong"}))
    assert any("remove train.truncated to count them alike" in text for text in heard), "they differ"
    heard.clear()
    plain = context()
    config = plain.config.model_copy(update={"score": ScoreConfig(n=4), "lake": plain.config.lake + "2"})
    with Lake(config.lake) as lake, RunContext(config, lake, plain.reporter) as silent:
        run_stages(silent)
    assert not heard


def test_more_clusters_than_problems_is_as_many_as_there_are(measured: Made) -> None:
    made = measured(embed={"clusters": 500}, select={"selector": "kmeans_random", "budget": 7})
    assert run_stages(made)[4].detail["clusters"] == 32
    assert kept(made) == 7


@pytest.mark.parametrize(
    "settings",
    [
        {"selector": "facility"},
        {"selector": "iterative"},
        {
            "selector": "composed",
            "steps": [
                {"selector": "frontier", "settings": {"cluster_quota": "none"}, "times": 2},
                {"selector": "k_center"},
            ],
        },
        {"selector": "frontier", "expected_improvement": 2.0},
    ],
)
def test_selectors_run_in_a_plan(measured: Made, settings: dict[str, Any]) -> None:
    made = measured(select={**settings, "budget": 6})
    run_stages(made)
    assert kept(made) == 6
    assert all(each.reused for each in run_stages(measured(select={**settings, "budget": 6})))


def test_a_pool_of_which_no_attempt_is_right_is_said(measured: Made, heard: list[str]) -> None:
    run_stages(measured())
    assert not any("graded attempts is correct" in text for text in heard)
    run_stages(measured(policy={"template": "{prompt} 5000 + 5000"}))
    assert any(re.search(r"none of [1-9]\d* graded attempts is correct", text) for text in heard)


def test_chosen_problems_without_a_right_attempt_are_said(context: Made, heard: list[str], sums: Path) -> None:
    rows = [json.loads(line) for line in sums.read_text().splitlines()]
    rows = [row if i < 1 else {**row, "answer": "7"} for i, row in enumerate(rows)]
    sums.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run_stages(context(select={"selector": "uniform", "budget": 20}, split={"held_out": 0}))
    assert any(re.search(r"(19|20) of 20 chosen problems have no correct attempt", text) for text in heard)


def test_a_pool_of_which_every_attempt_is_cut_is_said_though_a_selector_reads_no_score(
    context: Made, heard: list[str]
) -> None:
    run_stages(
        context(policy={"max_tokens": 1}, score={"stop_early": False}, select={"selector": "uniform", "budget": 6})
    )
    assert any("attempts can be counted" in text and "raise policy.max_tokens" in text for text in heard)


def test_a_selector_of_a_class_that_returns_ids_alone_is_refused_by_name(
    context: Made, monkeypatch: Any, tmp_path: Path
) -> None:
    (tmp_path / "our_choice.py").write_text(
        "class First:\n    needs = ()\n\n    def select(self, pool, budget, rng):\n        return pool.ids[:budget]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match="our_choice:First' returns a tuple"):
        run_stages(context(select={"selector": "python:our_choice:First", "budget": 6}))
