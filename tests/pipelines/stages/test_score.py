"""Adaptive scoring on a lake: what is stored decides, a second run decides the same, and what was paid for is not paid for again."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.api import NullReporter
from assay.core.config import parse_config
from assay.core.errors import ConfigError
from assay.core.types import Counts
from assay.pipelines.analysis.cost_estimate import estimate_cost
from assay.pipelines.analysis.length_curve import count_by_length
from assay.pipelines.analysis.pass_at_k import estimate_pass_at_k
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import read_side
from assay.pipelines.data.scores import current_scores
from assay.pipelines.runner.stages import plan_stage, run_stages
from assay.pipelines.sampling.attempts import StoredRollouts
from assay.pipelines.stages.score import scorer_settings
from assay.stores.lake import Lake

ADAPTIVE = {"allocation": "adaptive", "prior": "fitted", "wave_fraction": 0.25, "attempts_per_wave": 4}
RECORDING = Path(__file__).resolve().parents[3] / "src/assay/data/recordings/tiny_problems.jsonl"


DESIGNS = {"adaptive": ADAPTIVE, "16": {"n": 16}, "64": {"n": 64}}


def opened(folder: Path, lake: Path, score: dict[str, Any], policy: dict[str, Any], **changes: Any) -> RunContext:
    """A job over 24 recorded problems of the tiny model, 64 attempts each."""
    tree = {
        "name": "tiny",
        "lake": str(lake),
        "source": [{"type": "files", "paths": str(folder / "problems.jsonl"), "verifier": "numeric"}],
        "policy": {
            "engine": "replay",
            "path": "package:recordings/tiny.parquet",
            "max_tokens": 8,
            "truncated": "wrong" if "allocation" in score else "ignore",
            **policy,
        },
        "score": {"problems_per_commit": 16, **score},
        "select": {"budget": 8},
        **changes,
    }
    config = parse_config(tree)
    return RunContext(config, Lake(config.lake), NullReporter())


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], RunContext]]:
    """Scored jobs by the name of their design, each made once: to read or copy, not to write."""
    folder, made = tmp_path_factory.mktemp("done"), dict[str, RunContext]()
    (folder / "problems.jsonl").write_text("\n".join(RECORDING.read_text().splitlines()[::15]) + "\n")

    def get(name: str) -> RunContext:
        if name not in made:
            made[name] = opened(folder, folder / name, DESIGNS[name], {})
            scored(made[name])
        return made[name]

    yield get
    for each in made.values():
        each.close()
        each.lake.close()


@pytest.fixture
def pool(done: Callable[[str], RunContext], tmp_path: Path) -> Iterator[Any]:
    """Opens such jobs: `pool("lake", score={...})`; with `after`, on a copy of the lake that a design has left."""
    jobs: list[RunContext] = []
    folder = done("adaptive").lake.root.parent

    def make(
        lake: str = "lake",
        score: dict[str, Any] | None = None,
        *,
        after: str = "",
        policy: dict[str, Any] | None = None,
        **changes: Any,
    ) -> RunContext:
        if after and not (tmp_path / lake).exists():
            shutil.copytree(done(after).lake.root, tmp_path / lake)
        jobs.append(opened(folder, tmp_path / lake, ADAPTIVE if score is None else score, policy or {}, **changes))
        return jobs[-1]

    yield make
    for each in jobs:
        each.close()
        each.lake.close()


def scored(context: RunContext) -> list[dict[str, Any]]:
    outcomes = run_stages(context, "score")
    return current_scores(context, outcomes[-1].key.rows)


def facts(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [
        tuple(
            row[key]
            for key in (
                "problem_id",
                "n_correct",
                "n_wrong",
                "n_truncated",
                "beta_a",
                "beta_b",
                "value",
                "low",
                "high",
                "prior",
            )
        )
        for row in rows
    ]


def test_an_adaptive_run_spends_less_on_some_than_on_others_and_is_done_once(pool, done):
    context = done("adaptive")
    rows = scored(context)
    tried = [row["n_correct"] + row["n_wrong"] + row["n_truncated"] for row in rows]
    assert len(rows) == 24
    assert 2 <= min(tried) < max(tried) <= 64
    assert sum(tried) == context.meter.samples < 24 * 64 * 0.8
    again = pool(after="adaptive")
    _, result = plan_stage(again, "score", run_stages(again, "split"))
    assert result is not None
    assert scored(again) == rows
    assert again.meter.samples == 0


def test_a_run_that_limits_stop_again_and_again_ends_where_an_unbroken_one_does(pool, done):
    whole = scored(done("adaptive"))
    for _ in range(30):
        context = pool("broken", limit={"tokens": 900})
        outcome = run_stages(context, "score")[-1]
        if not outcome.partly:
            break
        assert context.meter.tokens < 1500
    assert not outcome.partly
    assert facts(scored(pool("broken"))) == facts(whole)


def test_a_limit_leaves_only_complete_waves_in_the_scores(pool):
    context = pool(limit={"tokens": 500})
    outcome = run_stages(context, "score")[-1]
    assert outcome.partly
    rows = current_scores(context, outcome.key.rows)
    assert rows
    assert all((row["n_correct"] + row["n_wrong"] + row["n_truncated"]) % 2 == 0 for row in rows)


def test_attempts_that_another_plan_stored_save_tokens_and_change_no_decision(pool, done):
    shared = pool(after="64")
    assert facts(scored(shared)) == facts(scored(done("adaptive")))
    assert shared.meter.samples == 0


def test_budget_and_group_size_are_part_of_the_scoring_only_where_they_decide(pool):
    assert scorer_settings(pool())["budget"] == 8
    assert scorer_settings(pool(score={**ADAPTIVE, "budget": 0.1}))["budget"] == 0.1
    assert "budget" not in scorer_settings(pool(score={"n": 8}))
    assert "budget" not in scorer_settings(pool(score={**ADAPTIVE, "goal": "band"}))


def test_what_is_left_is_said_at_least_and_at_most(pool):
    context = pool()
    left = plan_stage(context, "score", run_stages(context, "split"))[0].remaining()
    assert (left.attempts_min, left.attempts_max) == (48, 1536)
    assert list(left.by_unit) == ["problems", "samples at least", "samples at most", "tokens at most"]


def test_two_stages_a_band_and_a_predicted_prior_run_too(pool):
    two = scored(
        pool(after="64", score={**ADAPTIVE, "allocation": "two_stage", "top_up_fraction": 0.2, "max_attempts": 16})
    )
    assert sorted({row["n_correct"] + row["n_wrong"] + row["n_truncated"] for row in two}) == [2, 16]
    band = scored(pool(score={**ADAPTIVE, "goal": "band", "max_attempts": 12}))
    assert {row["prior"].split()[0] for row in band} == {"fitted"}
    guessed = scored(pool("guessed", {"n": 4, "prior": "predicted"}, embed={"encoder": "tfidf"}))
    assert len({row["prior"] for row in guessed}) > 1


def test_under_a_shorter_cap_answers_are_cut_and_judged_again_free_of_tokens(pool):
    full = {row["problem_id"]: row for row in scored(pool(after="64", score={"n": 64}))}
    context = pool(score={"n": 64, "at_length": 3})
    cut = {row["problem_id"]: row for row in scored(context)}
    assert context.meter.tokens == 0
    assert sum(row["n_truncated"] for row in cut.values()) > 200
    assert all(cut[id_]["n_correct"] <= full[id_]["n_correct"] for id_ in full)
    same = scored(pool(score={"n": 64, "at_length": 8}))
    assert [row["n_correct"] for row in same] == [row["n_correct"] for row in full.values()]


def test_a_longer_cap_than_the_sampler_had_is_refused(pool):
    with pytest.raises(ConfigError, match=r"at_length = 9 is above policy.max_tokens = 8"):
        scored(pool(after="16", score={"n": 4, "at_length": 9}))


def test_lengths_shows_more_solved_the_longer_the_cap_and_ends_at_what_was_scored(pool):
    context = pool(after="16", score={"n": 16})
    rows = scored(context)
    told = count_by_length(context, [2, 4, 8])
    assert [row["cap"] for row in told["caps"]] == [2, 4, 8]
    solved = [row["correct"] for row in told["caps"]]
    assert solved == sorted(solved)
    assert solved[-1] == sum(row["n_correct"] for row in rows)
    assert told["by"] == "characters"
    assert all(row["correct"] + row["wrong"] + row["truncated"] == 384 for row in told["caps"])


def test_lengths_of_an_empty_lake_says_what_to_do(pool):
    context = pool()
    run_stages(context, "split")
    with pytest.raises(ConfigError, match="curate score"):
        count_by_length(context)


def test_passes_of_a_fixed_design_begin_at_the_pass_rate(pool):
    context = pool(after="16", score={"n": 16})
    rows = scored(context)
    told = estimate_pass_at_k(context, [1, 8, 16])
    rate = sum(row["n_correct"] for row in rows) / (24 * 16)
    assert [told["means"][name] for name in ("pass@1", "pass^1")] == pytest.approx([rate, rate])
    assert told["means"]["pass@8"] > rate > told["means"]["pass^8"]
    assert told["means"]["pass@16"] == sum(row["n_correct"] > 0 for row in rows) / 24
    assert told["problems"] == 24


def test_pass_at_k_after_an_adaptive_design_is_the_posteriors_and_marked_so(pool):
    with pytest.raises(ConfigError, match="needs ingest, which is not done"):
        estimate_pass_at_k(pool("empty"), [1])
    context = pool(after="adaptive")
    rows = scored(context)
    told = estimate_pass_at_k(context, [1, 8])
    assert (told["estimator"], told["n"], told["problems"], told["too_few"]) == ("posterior", None, 24, 0)
    assert told["means"]["pass@1"] == pytest.approx(sum(row["value"] for row in rows) / 24, abs=2e-4)
    assert told["means"]["pass@8"] > told["means"]["pass@1"] > told["means"]["pass^8"]
    assert set(told["means"]) == {"pass@1", "pass^1", "pass@8", "pass^8"}
    low, high = told["intervals"]["pass@8"]
    assert low < told["means"]["pass@8"] < high
    fixed = pool("fixed", {"n": 16}, after="16")
    scored(fixed)
    assert estimate_pass_at_k(fixed, [1])["estimator"] == "unbiased"


def test_pass_at_k_of_a_fixed_design_is_refused_beyond_n(pool):
    with pytest.raises(ConfigError, match=r"pass@9 needs k from 1 to score.n = 8"):
        estimate_pass_at_k(pool(score={"n": 8}), [9])


def test_the_first_attempts_are_the_same_however_many_are_stored(pool):
    context = pool(after="16", score={"n": 16})
    problems, labels = read_side(context, run_stages(context, "score"), "train")
    attempts = StoredRollouts(context, problems, labels)
    told = attempts.draw_first(dict.fromkeys(problems, 4))
    assert {tally.counts.total for tally in told.values()} == {4}
    assert all(tally.tokens > 0 for tally in told.values())
    assert attempts.draw_first({next(iter(problems)): 16})[next(iter(problems))].counts != Counts()


def test_a_pilot_forecasts_what_an_adaptive_run_then_spends(pool):
    context = pool(seed=5)
    low, high = estimate_cost(context, 12)["tokens"]
    spent = context.meter.tokens
    run_stages(context, "score")
    assert low / 2 <= context.meter.tokens - spent <= high * 2
    assert context.meter.tokens - spent < 24 * 64 * 4


@pytest.mark.parametrize(
    "changes",
    [
        {"score": {"n": 16, "level": 0.9}},
        {"score": {"n": 12, "prior": "uniform"}, "policy": {"truncated": "wrong"}},
        {"score": {"n": 16}, "grade": {"mode": "lenient"}},
    ],
)
def test_scores_of_stored_attempts_are_the_same_rows_as_columns_and_as_objects(
    pool: Any, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    with monkeypatch.context() as without:
        without.setattr("assay.pipelines.stages.score.score_problems", None)  # which makes an object of every attempt
        as_columns = scored(pool(after="16", **changes))
    monkeypatch.setattr("assay.pipelines.stages.score.read_counts", lambda *_: None)
    as_objects = scored(pool("copy", after="16", **changes))
    assert len(as_columns) == 24
    assert len({tuple(row[name] for name in ("n_correct", "n_wrong", "n_truncated")) for row in as_columns}) > 3
    assert [{**row, "run": ""} for row in as_columns] == [{**row, "run": ""} for row in as_objects]


def test_one_missing_attempt_is_drawn_before_the_others_are_counted(pool: Any) -> None:
    context = pool(after="16", score={"n": 17})
    assert plan_stage(context, "score", run_stages(context, "split"))[0].remaining().attempts_max == 24
    assert {row["n_correct"] + row["n_wrong"] + row["n_truncated"] for row in scored(context)} == {17}


def test_scoring_until_enough_are_mixed_is_done_once_and_a_second_run_pays_nothing(pool):
    enough = {"allocation": "enough", "prior": "fitted", "budget": 3, "wave_fraction": 0.25}
    first = pool("enough", enough)
    rows = scored(first)
    read = [row for row in rows if row["n_correct"] + row["n_wrong"] + row["n_truncated"]]
    assert sum(row["n_correct"] > 0 and row["n_wrong"] > 0 for row in read) >= 3
    assert len(rows) == 24
    assert all(row["beta_a"] > 0 for row in rows)
    again = pool("enough", enough)
    assert facts(scored(again)) == facts(rows)
    assert again.meter.samples == 0 < first.meter.samples


def test_a_gold_that_is_corrected_after_scoring_is_counted_anew_without_a_token(context: Any, sums: Path) -> None:
    def scored(gold: int) -> tuple[str, int, int]:
        text = sums.read_text()
        sums.write_text(re.sub(r'("What is 10 \+ 3\?", "answer": )"\d+"', rf'\g<1>"{gold}"', text))
        opened = context(split={"held_out": 0})
        scoring = run_stages(opened, "score").rows_of("score")
        query = (
            "SELECT s.*, p.messages FROM current_scores s JOIN problems p ON p.id = s.problem_id WHERE scoring_id = ?"
        )
        row = next(row for row in opened.lake.rows(query, [scoring]) if "What is 10 + 3?" in str(row["messages"]))
        return scoring, row["n_correct"], opened.meter.samples

    first, right, paid = scored(13)
    second, now, more = scored(999)
    assert (paid, more) == (160, 0)
    assert first != second
    assert right > 0 == now
    assert scored(13) == (first, right, 0)  # and back
