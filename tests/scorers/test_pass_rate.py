from collections.abc import Mapping

import pytest

from assay.core.errors import ConfigError
from assay.core.parts import build_part
from assay.core.types import Counts
from assay.scorers.pass_rate import PassRate


class CountStore:
    """Attempts whose counts are known beforehand."""

    def __init__(self, counts: dict[str, Counts]) -> None:
        self.counts = counts
        self.wanted: Mapping[str, int] = {}

    def draw(self, wanted: Mapping[str, int]) -> Mapping[str, Counts]:
        self.wanted = dict(wanted)
        return {id_: self.counts[id_] for id_ in wanted}


def score_of(counts: Counts, **settings):
    return PassRate(**settings).score(["p"], CountStore({"p": counts}))


def test_six_of_eight_solved_has_the_mean_of_beta_six_and_a_half_two_and_a_half():
    [score] = score_of(Counts(correct=6, wrong=2))
    assert (score.beta_a, score.beta_b, score.value) == (6.5, 2.5, pytest.approx(6.5 / 9))
    assert score.low < score.value < score.high
    assert (score.scorer, score.prior, score.counts) == ("pass_rate", "jeffreys", Counts(6, 2))


def test_never_solved_starts_at_zero_and_always_solved_ends_at_one():
    [none] = score_of(Counts(wrong=8))
    [every] = score_of(Counts(correct=8))
    assert (none.low, every.high) == (0.0, 1.0)
    assert 0 < none.value < 0.06 < 0.94 < every.value < 1


def test_every_problem_is_asked_for_n_attempts():
    attempts = CountStore({"a": Counts(1), "b": Counts(1)})
    PassRate(n=5).score(["b", "a"], attempts)
    assert attempts.wanted == {"a": 5, "b": 5}


def test_truncated_attempts_are_left_out_or_are_failures_as_the_plan_says():
    counts = Counts(correct=2, wrong=2, truncated=4)
    [masked] = score_of(counts)
    [wrong] = score_of(counts, truncated="wrong")
    assert (masked.beta_a, masked.beta_b) == (2.5, 2.5)
    assert (wrong.beta_a, wrong.beta_b) == (2.5, 6.5)
    assert masked.counts == wrong.counts == counts


def test_errors_are_evidence_of_nothing_under_either_rule():
    for rule in ("masked", "wrong"):
        [score] = score_of(Counts(correct=2, wrong=2, error=4), truncated=rule)
        assert (score.beta_a, score.beta_b) == (2.5, 2.5)


def test_a_problem_without_any_attempt_has_no_score():
    assert score_of(Counts()) == []


def test_a_problem_whose_attempts_were_all_cut_knows_nothing_but_has_its_counts():
    [score] = score_of(Counts(truncated=5, error=3))
    assert (score.value, score.low, score.high) == (0.5, 0.0, 1.0)
    assert score.counts.total == 8


def test_a_score_is_the_same_alone_and_in_company():
    counts = {"a": Counts(3, 5), "b": Counts(8, 0), "c": Counts(0, 8)}
    together = PassRate().score(list(counts), CountStore(counts))
    alone = [PassRate().score([id_], CountStore(counts))[0] for id_ in counts]
    assert together == alone


@pytest.mark.parametrize(
    "settings", [{"n": 0}, {"level": 1.0}, {"prior": "flat"}, {"truncated": "right"}, {"samples": 8}]
)
def test_a_setting_out_of_range_is_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        build_part("scorer", "pass_rate", settings)
