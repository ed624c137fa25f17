"""Agreement as confidence: shares, weights, another policy's word, and what agreement cannot see."""

import numpy as np
import pytest

from assay.core.errors import ConfigError
from assay.core.types import Counts
from assay.scorers.votes import Votes


def test_three_of_four_that_agree_are_a_share_of_three_quarters(spoken, say):
    (made,) = Votes().score(["p"], spoken({"p": [say("4"), say("4.0"), say("4"), say("5", "wrong")]}))
    assert made.value == 0.75
    assert made.low < 0.75 < made.high
    assert made.counts == Counts(correct=3, wrong=1)


def test_gold_decides_nothing(spoken, say):
    """The same answers under another gold answer are the same confidence."""
    right, wrong = [say("4")] * 3 + [say("5", "wrong")], [say("4", "wrong")] * 3 + [say("5")]
    made = Votes().score(["a", "b"], spoken({"a": right, "b": wrong}))
    assert made[0].value == made[1].value == 0.75


def test_an_attempt_without_an_answer_agrees_with_nobody(spoken, say):
    made = Votes().score(["a", "b"], spoken({"a": [say("4"), say("", "truncated")], "b": [say("", "unparsable")] * 4}))
    assert [(each.value, each.low) for each in made] == [(0.5, made[0].low), (0.0, 0.0)]


def test_a_failed_verifier_is_no_vote_against(spoken, say):
    (made,) = Votes().score(["p"], spoken({"p": [say("4"), say("", "verifier_error")]}))
    assert made.value == 1.0
    assert made.counts == Counts(correct=1, error=1)


def test_likelihood_weighs_answers_and_needs_log_probabilities(spoken, say):
    sure, unsure = (-0.1, -0.1), (-3.0, -3.0)
    said = [say("4", logprobs=unsure), say("4", logprobs=unsure), say("5", logprobs=sure)]
    (made,) = Votes(weigh="likelihood").score(["p"], spoken({"p": said}))
    assert made.value == pytest.approx(np.exp(-0.1) / (np.exp(-0.1) + 2 * np.exp(-3)))
    assert made.low <= made.value <= made.high
    with pytest.raises(ConfigError, match="sample 0 of problem p has no log-probabilities"):
        Votes(weigh="likelihood").score(["p"], spoken({"p": [say("4")]}))


def test_another_policy_confirms_denies_or_is_silent(spoken, say):
    mine = {id_: [say("4"), say("4"), say("5")] for id_ in ("denied", "confirmed", "silent")}
    weak = {"weak": {"confirmed": [say("4.0"), say("4"), say("7")], "denied": [say("5")]}}
    made = {each.problem_id: each.value for each in Votes(against="weak").score(list(mine), spoken(mine, weak))}
    assert made == {"confirmed": pytest.approx(2 / 3), "denied": 0.0}


def test_higher_thresholds_keep_righter_labels_unless_the_voters_share_an_error(spoken, say):
    """10 voters on 300 problems: independent ones are righter the more they agree; on problems with a common error agreement says nothing."""
    rng = np.random.default_rng(0)
    easy = rng.random(300)
    shared = rng.random(300) < 0.3  # all voters tend to the same wrong answer
    said = {}
    for j in range(300):
        right = rng.random(10) < (0.1 if shared[j] else easy[j])
        said[f"p{j:03d}"] = [
            say("7" if one else ("8" if shared[j] else str(100 + int(rng.integers(50)))), "correct" if one else "wrong")
            for one in right
        ]
    made = {each.problem_id: each.value for each in Votes().score(list(said), spoken(said))}
    lead = {
        id_: max({one.extracted for one in each}, key=[one.extracted for one in each].count)
        for id_, each in said.items()
    }

    def precision(low: float, of_shared: bool) -> float:
        kept = [lead[f"p{j:03d}"] == "7" for j in range(300) if made[f"p{j:03d}"] >= low and shared[j] == of_shared]
        return sum(kept) / len(kept)

    assert precision(0.8, False) > 0.98
    assert precision(0.8, False) >= precision(0.6, False) > precision(0.0, False)
    assert precision(0.8, True) < 0.1


def test_both_ends_of_n_and_of_top(spoken, say):
    given = spoken({"p": [say("4"), say("5"), say("5")]})
    assert Votes(n=1).score(["p"], given)[0].value == 1.0
    assert Votes(n=3).score(["p"], given)[0].value == pytest.approx(2 / 3)
    assert given.asked[0] == ({"p": 1}, {}, "")
