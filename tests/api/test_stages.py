"""Stages from Python: from one result to the next, with changes by keyword, and nothing paid for twice."""

import warnings
from pathlib import Path
from typing import Any

import pytest

import assay
from assay.core.config import Config
from assay.core.errors import ConfigError
from assay.curricula import HardToEasy
from assay.selectors import Band, Uniform


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


SCRIPTED = {"engine": "scripted", "model": "scripted", "rule": "sum", "max_tokens": 16}
TFIDF = {"encoder": "tfidf", "clusters": 2}


def pool() -> Any:
    rows = [{"question": f"What is {a} + 2?", "answer": str(a + 2), "level": a % 3} for a in range(12)]
    return assay.problems(rows, metadata_fields=["level"], name="sums")


@pytest.mark.usefixtures("here")
def test_from_a_pool_to_a_curriculum_each_step_goes_on_from_the_last() -> None:
    scores = assay.score(pool(), attempts=4, policy=SCRIPTED, lake="lake", held_out=2)
    assert len(scores) == 10
    assert (scores.config.lake, scores.config.split.held_out, scores.partial) == ("lake", 2, "")
    assert {"prompt", "answer", "source", "level", "value", "low", "high"} <= set(scores.column_names)
    chosen = assay.select(scores, Uniform(), budget=4, embed=TFIDF)
    assert len(chosen) == 4
    assert set(chosen.dropped["reason"].to_pylist()) == {"not_chosen"}
    walked = assay.order(chosen, HardToEasy())
    means = walked["value"].to_pylist()
    assert means == sorted(means)
    assert {row["problem_id"] for row in walked} == set(chosen["problem_id"].to_pylist())
    with walked.open_lake() as lake:
        paid = lake.rows("SELECT count(*) AS n FROM rollouts")[0]["n"]
    assert paid == 40


@pytest.mark.usefixtures("here")
def test_a_second_call_pays_for_nothing_and_a_new_budget_only_selects() -> None:
    scores = assay.score(pool(), attempts=4, policy=SCRIPTED, lake="lake")
    again = assay.score(pool(), attempts=4, policy=SCRIPTED, lake="lake")
    more = assay.select(again, "uniform", budget=3, embed=TFIDF)
    assert scores.to_arrow().equals(again.to_arrow())
    with more.open_lake() as lake:
        assert lake.rows("SELECT count(*) AS n FROM rollouts")[0]["n"] == 48


@pytest.mark.usefixtures("here")
def test_another_selector_leaves_the_settings_of_the_last_one_behind() -> None:
    scores = assay.score(pool(), attempts=2, policy=SCRIPTED, lake="lake")
    banded = assay.select(scores, Band(low=0.1, high=0.9), budget=5, embed=TFIDF)
    assert banded.config.select.settings == {"low": 0.1, "high": 0.9}
    assert assay.select(banded, "uniform").config.select.settings == {}
    assert assay.select(banded, high=0.8).config.select.settings == {"low": 0.1, "high": 0.8}


@pytest.mark.usefixtures("here")
def test_clean_gives_the_problems_that_stay_and_split_their_sides() -> None:
    twice = assay.problems([{"question": "1 + 1?", "answer": "2"}, {"question": "1  +  1?", "answer": "2"}])
    cleaned = assay.clean(twice, lake="lake", policy=SCRIPTED)
    assert (len(cleaned), cleaned.dropped["reason"].to_pylist()) == (1, ["duplicate"])
    sides = assay.split(pool(), held_out=3, lake="lake", policy=SCRIPTED)["side"].to_pylist()
    assert (sides.count("train"), sides.count("held_out")) == (9, 3)
    with pytest.raises(ConfigError, match=r"these clean rows are in the lake 'lake', not in 'other'"):
        assay.score(cleaned, lake="other")


@pytest.mark.usefixtures("here")
def test_a_config_from_python_is_the_same_as_its_tables() -> None:
    tables = {"source": [pool().source_table()], "policy": SCRIPTED, "score": {"n": 2}}
    config = Config.from_python(**tables)
    assert len(assay.score(config, lake="a")) == len(assay.score(tables, lake="b")) == 12
    assert config.with_changes(score={"n": 3}).score.settings == {"n": 3}
    assert config.with_changes(score={"scorer": "votes"}).score.settings == {}
    with pytest.raises(ConfigError, match="has no setting 'm'"):
        config.with_changes(score={"m": 3})


def test_what_is_no_pool_is_named() -> None:
    with pytest.raises(ConfigError, match=r"float is not a pool: assay\.problems"):
        assay.score(1.5)
    with pytest.raises(ConfigError, match="a selector is given by name or as a part"):
        assay.select({}, Uniform)


@pytest.mark.usefixtures("here")
def test_a_pool_that_leaves_nothing_and_a_budget_beyond_it_are_python_warnings() -> None:
    numbers = assay.problems([{"question": "What is 1 + 2?", "answer": 3}], name="numbers")
    with pytest.warns(UserWarning, match=r"nothing to train on: .*answer_not_text 1"):
        assert len(assay.score(numbers, policy=SCRIPTED, lake="lake")) == 0
    scores = assay.score(pool(), attempts=2, policy=SCRIPTED, lake="lake", progress=False)
    with pytest.warns(UserWarning, match=r"select\.budget = 99 is above the pool of 12"):
        assay.select(scores, Uniform(), budget=99, embed=TFIDF, progress=False)


VAGUE = """
from assay.core.types import Score

class Vague:
    joint = False

    def score(self, ids, attempts):
        return [Score(problem_id, "vague", 0.5, 0.0, 1.0) for problem_id in ids]
"""


@pytest.mark.usefixtures("here")
def test_a_scorer_whose_intervals_say_nothing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lab_vague.py").write_text(VAGUE)
    monkeypatch.syspath_prepend(str(tmp_path))
    told = r"all 12 scores of 'python:lab_vague:Vague' have the interval \[0, 1\], which means that nothing is known"
    with pytest.warns(UserWarning, match=told):
        assay.score(pool(), policy=SCRIPTED, lake="lake", score={"scorer": "python:lab_vague:Vague"})


@pytest.mark.usefixtures("here")
def test_bars_are_shown_where_they_are_wanted_and_nowhere_else(capsys: pytest.CaptureFixture[str]) -> None:
    assay.score(pool(), attempts=1, policy=SCRIPTED, lake="lake", progress=True)
    assert "attempts:" in capsys.readouterr().err
    assay.score(pool(), attempts=2, policy=SCRIPTED, lake="lake")
    assert "attempts:" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("function", "keyword", "nearest"),
    [("score", "attemps", "attempts"), ("score", "maxtokens", "max_tokens"), ("select", "budgt", "budget")],
)
def test_a_misspelt_keyword_is_answered_with_the_function_s_own(function: str, keyword: str, nearest: str) -> None:
    with pytest.raises(ConfigError, match=f"assay.{function} has no keyword '{keyword}'; nearest: '{nearest}'"):
        getattr(assay, function)(pool(), **{keyword: 2})


def test_a_setting_that_is_no_keyword_is_answered_with_the_part_s() -> None:
    with pytest.raises(ConfigError, match="scorer 'pass_rate' has no setting 'prio'; nearest: 'prior'"):
        assay.score(pool(), prio="fitted")


@pytest.mark.usefixtures("here")
def test_a_model_that_nobody_named_is_told_before_it_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    from assay.engines.scripted import Scripted
    from assay.pipelines.context import run

    monkeypatch.setattr(run, "build_engine", lambda policy: Scripted())  # the default engine would load a real model
    given = {"max_tokens": 16}
    with pytest.warns(UserWarning, match="no model is named, so the default, 'smollm2-135m-instruct', attempts"):
        assay.select(pool(), "uniform", budget=2, policy=given, embed=TFIDF, lake="lake", score={"n": 2})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assay.score(pool(), policy=given, lake="lake", n=2)  # nothing is left to attempt


@pytest.mark.usefixtures("here")
def test_a_result_serves_from_another_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = assay.score(pool(), attempts=4, policy=SCRIPTED, lake="lake", held_out=2)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    chosen = assay.select(scores, "uniform", budget=4, embed=TFIDF)
    assert len(chosen) == 4
    assert scores.dropped.num_rows == 0
    assert len(assay.select(scores, "uniform", budget=3, embed=TFIDF, lake=tmp_path / "lake")) == 3
    assert list(Path().iterdir()) == [], "no second lake is begun"
    with chosen.open_lake() as lake:
        assert lake.rows("SELECT count(*) AS n FROM rollouts")[0]["n"] == 40
