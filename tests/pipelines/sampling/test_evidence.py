"""Scorers that read more than counts, end to end: other policies' verdicts, answers, tokens, log-probabilities."""

import json
from typing import Any

import pytest

from assay.core.errors import ConfigError
from assay.pipelines.runner.stages import run_stages, survey_stages

ANSWERS = {"What is 7 + 1?": ["The answer is 3", "The answer is 8"], "What is 8 + 1?": ["The answer is 4"]}
WEAK = {"revision": "weak", "rule": "spread", "answers": ANSWERS}


@pytest.fixture
def tables(tmp_path) -> dict[str, Any]:
    path = tmp_path / "problems.jsonl"
    path.write_text(
        "".join(json.dumps({"prompt": f"What is {n} + 1?", "answer": str(n + 1)}) + "\n" for n in range(7, 13))
    )
    return {
        "seed": 3,
        "lake": str(tmp_path / "lake"),
        "source": [{"type": "files", "paths": str(path), "verifier": "numeric"}],
        "policy": {"engine": "scripted", "rule": "sum", "max_tokens": 16},
        "score": {"scorer": "pass_rate", "n": 8},
        "embed": {"encoder": "tfidf", "clusters": 1},
        "select": {"selector": "uniform", "budget": 3},
    }


def scores(context: Any, scorer: str) -> list[dict[str, Any]]:
    key = survey_stages(context, "score").results.rows_of("score")
    return context.lake.rows(
        "SELECT * FROM scores WHERE scorer = ? AND scoring_id = ? ORDER BY problem_id", [scorer, key]
    )


def test_difficulties_are_fitted_anew_when_another_policy_has_answered(context):
    run_stages(context(policy=WEAK), "score")
    made = context(score={"scorer": "irt"})
    run_stages(made)
    first = scores(made, "irt")
    assert len(first) == 6
    assert {row["direction"] for row in first} == {"harder"}
    assert {row["n_correct"] + row["n_wrong"] for row in first} == {16}
    again = context(score={"scorer": "irt"})
    assert all(outcome.reused for outcome in run_stages(again))
    assert again.meter.samples == 0
    run_stages(context(policy={"revision": "third"}), "score")
    third = context(score={"scorer": "irt"})
    run_stages(third)
    assert third.meter.samples == 0
    assert {row["n_correct"] + row["n_wrong"] for row in scores(third, "irt")} == {24}


def test_one_policy_alone_is_refused(context):
    with pytest.raises(ConfigError, match="found 1 policies with attempts in the lake and needs at least 2"):
        run_stages(context(score={"scorer": "irt"}))


def test_votes_reuse_stored_attempts_and_another_policy_may_deny_them(context):
    run_stages(context())
    made = context(score={"scorer": "votes", "n": 8})
    run_stages(made)
    assert made.meter.samples == 0
    plain = scores(made, "votes")
    assert all(0.5 <= row["value"] <= 1 for row in plain)
    run_stages(context(policy=WEAK), "score")
    denied = context(score={"scorer": "votes", "n": 8, "other_policy": "weak"})
    run_stages(denied)
    values = [row["value"] for row in scores(denied, "votes")]
    assert values != [row["value"] for row in plain]
    assert set(values) <= {0.0, *(row["value"] for row in plain)}
    with pytest.raises(ConfigError, match="no attempts of policy 'waek' are stored; nearest: 'weak'"):
        run_stages(context(score={"scorer": "votes", "n": 8, "other_policy": "waek"}))


def test_lengths_are_read_from_stored_attempts(context):
    run_stages(context())
    made = context(score={"scorer": "length"})
    run_stages(made)
    assert made.meter.samples == 0
    assert {row["value"] for row in scores(made, "length")} == {4.0}  # "The answer is N"


def test_an_engine_without_log_probabilities_is_told_to_the_plan(context):
    with pytest.raises(ConfigError, match=r"has no log-probabilities; set policy\.logprobs = true"):
        run_stages(context(score={"scorer": "entropy", "n": 1}))


@pytest.mark.model
def test_the_temperature_of_a_wanted_entropy_is_found_with_a_real_model(context, tables):
    tables["policy"] = {
        "model": "tiny-arithmetic",
        "engine": "transformers",
        "logprobs": True,
        "max_tokens": 8,
        "template": "{prompt}",
    }
    tables["score"] = {"scorer": "entropy", "n": 4, "temperatures": [0.5, 1.0, 2.0], "target_nats_per_token": 0.8}
    made = context()
    run_stages(made, "score")
    found = scores(made, "entropy")
    assert len(found) == 6
    assert made.meter.samples == 6 * 4 * 3
    assert all(row["low"] <= row["value"] <= row["high"] for row in found)
    means = made.lake.rows(
        "SELECT s.settings, -avg(list_avg(t.logprobs)) AS surprise FROM completions t "
        "JOIN rollouts r USING (id) JOIN sampling_configs s ON s.id = r.sampler "
        "GROUP BY s.settings ORDER BY surprise"
    )
    assert [json.loads(row["settings"])["temperature"] for row in means] == [0.5, 1.0, 2.0]
