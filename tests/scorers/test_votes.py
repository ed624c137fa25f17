"""Agreement as confidence: shares, weights, another policy's word, and what agreement cannot see."""

import numpy as np
import pytest

from assay.core.errors import ConfigError
from assay.core.types import Counts
from assay.scorers.votes import Votes


def test_three_of_four_that_agree_are_a_share_of_three_quarters(store_of, attempt):
    (score,) = Votes().score(
        ["p"], store_of({"p": [attempt("4"), attempt("4.0"), attempt("4"), attempt("5", "wrong")]})
    )
    assert score.value == 0.75
    assert score.low < 0.75 < score.high
    assert score.counts == Counts(correct=3, wrong=1)


def test_gold_decides_nothing(store_of, attempt):
    """The same answers under another gold answer are the same confidence."""
    right, wrong = [attempt("4")] * 3 + [attempt("5", "wrong")], [attempt("4", "wrong")] * 3 + [attempt("5")]
    scores = Votes().score(["a", "b"], store_of({"a": right, "b": wrong}))
    assert scores[0].value == scores[1].value == 0.75


def test_an_attempt_without_an_answer_agrees_with_nobody(store_of, attempt):
    scores = Votes().score(
        ["a", "b"], store_of({"a": [attempt("4"), attempt("", "truncated")], "b": [attempt("", "unparsable")] * 4})
    )
    assert [(score.value, score.low) for score in scores] == [(0.5, scores[0].low), (0.0, 0.0)]


def test_a_failed_verifier_is_no_vote_against(store_of, attempt):
    (score,) = Votes().score(["p"], store_of({"p": [attempt("4"), attempt("", "verifier_error")]}))
    assert score.value == 1.0
    assert score.counts == Counts(correct=1, error=1)


def test_likelihood_weighs_answers_and_needs_log_probabilities(store_of, attempt):
    sure, unsure = (-0.1, -0.1), (-3.0, -3.0)
    attempts = [attempt("4", logprobs=unsure), attempt("4", logprobs=unsure), attempt("5", logprobs=sure)]
    (score,) = Votes(weight_by="likelihood").score(["p"], store_of({"p": attempts}))
    assert score.value == pytest.approx(np.exp(-0.1) / (np.exp(-0.1) + 2 * np.exp(-3)))
    assert score.low <= score.value <= score.high
    with pytest.raises(ConfigError, match="sample 0 of problem p has no log-probabilities"):
        Votes(weight_by="likelihood").score(["p"], store_of({"p": [attempt("4")]}))


def test_another_policy_confirms_denies_or_is_silent(store_of, attempt):
    mine = {id_: [attempt("4"), attempt("4"), attempt("5")] for id_ in ("denied", "confirmed", "silent")}
    weak = {"weak": {"confirmed": [attempt("4.0"), attempt("4"), attempt("7")], "denied": [attempt("5")]}}
    values = {
        score.problem_id: score.value for score in Votes(other_policy="weak").score(list(mine), store_of(mine, weak))
    }
    assert values == {"confirmed": pytest.approx(2 / 3), "denied": 0.0}


def test_higher_thresholds_keep_righter_labels_unless_the_voters_share_an_error(store_of, attempt):
    """10 voters on 300 problems: agreement means correctness where they are independent, not where they share an error."""
    rng = np.random.default_rng(0)
    easy = rng.random(300)
    shared = rng.random(300) < 0.3  # all voters tend to the same wrong answer
    attempts = {}
    for j in range(300):
        right = rng.random(10) < (0.1 if shared[j] else easy[j])
        attempts[f"p{j:03d}"] = [
            attempt(
                "7" if is_right else ("8" if shared[j] else str(100 + int(rng.integers(50)))),
                "correct" if is_right else "wrong",
            )
            for is_right in right
        ]
    values = {score.problem_id: score.value for score in Votes().score(list(attempts), store_of(attempts))}
    lead = {
        id_: max({vote.extracted for vote in votes}, key=[vote.extracted for vote in votes].count)
        for id_, votes in attempts.items()
    }

    def precision(low: float, of_shared: bool) -> float:
        leaders_right = [
            lead[f"p{j:03d}"] == "7" for j in range(300) if values[f"p{j:03d}"] >= low and shared[j] == of_shared
        ]
        return sum(leaders_right) / len(leaders_right)

    assert precision(0.8, False) > 0.98
    assert precision(0.8, False) >= precision(0.6, False) > precision(0.0, False)
    assert precision(0.8, True) < 0.1


def test_both_ends_of_n_and_of_top(store_of, attempt):
    store = store_of({"p": [attempt("4"), attempt("5"), attempt("5")]})
    assert Votes(n=1).score(["p"], store)[0].value == 1.0
    assert Votes(n=3).score(["p"], store)[0].value == pytest.approx(2 / 3)
    assert store.requests[0] == ({"p": 1}, {}, "")
