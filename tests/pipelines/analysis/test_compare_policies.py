"""Two scripted policies on one pool: equal ones differ by nothing, a weaker one at the problems that it cannot solve."""

import pytest

from assay.core.errors import ConfigError
from assay.pipelines.analysis.compare_policies import compare_policies
from assay.pipelines.data.problems import read_side
from assay.pipelines.runner.stages import run_stages

FIRST = {"temperature": 1.0, "revision": "first"}
SCORE = {"n": 16}


def unable(context, count):
    """Answers under which a policy never solves the first so many problems of the train side, and their ids."""
    problems = read_side(context, run_stages(context, "split"), "train")[0]
    ids = sorted(problems)[:count]
    return {id_: ["The answer is -1"] for id_ in ids}, set(ids)


def test_equal_policies_differ_by_nothing_and_share_their_frontier(context):
    for revision in ("first", "second"):
        run_stages(context(policy={**FIRST, "revision": revision}, score=SCORE), "score")
    run = context(policy={**FIRST, "revision": "second"}, score=SCORE)
    told = compare_policies(run, "first")
    assert told["problems"] == 32
    assert told["before"][0] == "first"
    assert told["after"][0] == "second"
    mean, low, high = told["observed"]
    assert low <= mean <= high
    assert abs(told["difference"]) < 0.05
    assert told["frontier"]["overlap"] > 0.7
    assert run.meter.samples == 0


def test_what_a_weaker_policy_lost_is_found_problem_by_problem(context):
    strong = context(policy=FIRST, score=SCORE)
    run_stages(strong, "score")
    answers, lost = unable(strong, 8)
    run_stages(context(policy={**FIRST, "rule": "cycle", "revision": "weak", "answers": answers}, score=SCORE), "score")
    told = compare_policies(strong, "first", "weak")
    back = compare_policies(strong, "weak", "first")
    assert told["observed"][0] == pytest.approx(-back["observed"][0])
    assert told["difference"] == pytest.approx(-back["difference"], abs=0.01)
    assert told["worse"] == back["better"] > 8  # "cycle" guesses at the others
    fell = {row["problem_id"] for row in told["rows"] if row["chance"] < 0.05}
    able = {row["problem_id"] for row in told["rows"] if row["counts"]["before"][0] >= 8}
    assert lost & able <= fell
    assert [row["difference"] for row in told["moved"]] == sorted(row["difference"] for row in told["moved"])
    assert told["moves"]["before"] == told["frontier"]["before"]


def test_a_policy_without_attempts_is_named(context):
    run = context(policy=FIRST, score=SCORE)
    run_stages(run, "score")
    with pytest.raises(ConfigError, match="no attempts of policy 'frist' are stored; nearest: 'first'"):
        compare_policies(run, "frist")


def test_scores_may_begin_from_another_policys_rates(context):
    """32 problems tell little of how far the policies agree: over 120 simulated pools of 32 even rates, 64 attempts of the
    first and 2 of the second, the error is .63 of the plain one's, .11 between pools; .9 is 2.4 of these away. Of 512
    problems it is .34 (.05): `tests/maths/beta/test_paired_rates.py` asks pools of 800 for less than half.
    """
    old = context(policy=FIRST, score={"n": 64})
    run_stages(old, "score")
    second = {**FIRST, "revision": "second"}
    score = {"n": 2, "prior": "policy:first"}
    run = context(policy=second, score=score)
    run_stages(run, "score")
    assert run.meter.samples == 64
    rows = run.lake.rows("SELECT * FROM scores WHERE policy = 'second' ORDER BY problem_id")
    truth = {row["problem_id"]: row["value"] for row in run.lake.rows("SELECT * FROM scores WHERE policy = 'first'")}
    assert all(row["prior"].startswith("policy:first a=") for row in rows)
    errors = [abs(row["value"] - truth[row["problem_id"]]) for row in rows]
    plain = [abs((row["n_correct"] + 0.5) / 3 - truth[row["problem_id"]]) for row in rows]
    assert sum(errors) < 0.9 * sum(plain)
    again = context(policy=second, score=score)
    run_stages(again, "score")
    assert again.meter.samples == 0
    with pytest.raises(ConfigError, match="no attempts of policy 'none' are stored"):
        run_stages(context(policy=second, score={**score, "prior": "policy:none"}), "score")
