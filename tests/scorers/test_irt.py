"""Difficulty from whoever attempted what: the hand matrix, its refusals, and what a pass rate gets wrong."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from assay.core.errors import ConfigError
from assay.core.types import Counts
from assay.scorers.irt import Irt


class ResponseStore:
    """Stored responses; remembers what was drawn."""

    def __init__(self, stored: Mapping[str, Mapping[str, Counts]]) -> None:
        self.stored, self.drawn = stored, dict[str, int]()

    def draw(self, wanted: Mapping[str, int]) -> Mapping[str, Counts]:
        self.drawn = dict(wanted)
        return {id_: Counts() for id_ in wanted}

    def count_responses(self, ids: Sequence[str]) -> Mapping[str, Mapping[str, Counts]]:
        return self.stored


def counts(right: int, wrong: int = 0, truncated: int = 0) -> Counts:
    return Counts(right, wrong, truncated)


HALVES = {"weak": {"easy": counts(4, 4), "hard": counts(0, 8)}, "strong": {"easy": counts(8), "hard": counts(4, 4)}}


def test_harder_is_more_and_the_middle_is_zero() -> None:
    easy, hard = Irt().score(("hard", "easy"), ResponseStore(HALVES))  # type: ignore[arg-type]
    assert (easy.problem_id, hard.problem_id) == ("easy", "hard")
    assert easy.value == pytest.approx(-hard.value)
    assert easy.value < 0
    assert (hard.direction, hard.counts, hard.prior) == ("harder", Counts(4, 12), "normal 2")
    assert hard.value - hard.low == pytest.approx(hard.high - hard.value)


def test_equal_rates_of_a_weak_and_a_strong_respondent_are_not_equal_difficulties() -> None:
    responses = {
        "weak": {"probe": counts(1, 7), "met by weak": counts(4, 4)},
        "strong": {"probe": counts(7, 1), "met by strong": counts(4, 4)},
    }
    by_id = {
        score.problem_id: score.value
        for score in Irt().score(("probe", "met by weak", "met by strong"), ResponseStore(responses))
    }  # type: ignore[arg-type]
    assert by_id["met by strong"] > by_id["met by weak"] + 1


def test_truncated_attempts_are_left_out_or_count_as_failures() -> None:
    responses = {"a": {"p": counts(1, 1, 6), "q": counts(1, 1)}, "b": {"p": counts(1, 1, 6), "q": counts(1, 1)}}
    masked, wrong = (Irt(truncated=rule).score(("p", "q"), ResponseStore(responses)) for rule in ("masked", "wrong"))  # type: ignore[arg-type]
    assert masked[0].value == pytest.approx(masked[1].value)
    assert wrong[0].value > wrong[1].value + 0.5


def test_the_plans_own_policy_is_drawn_first_and_both_ends_of_n() -> None:
    for n in (8, 0):
        store = ResponseStore(HALVES)
        Irt(n=n).score(("easy", "hard"), store)  # type: ignore[arg-type]
        assert store.drawn == ({"easy": 8, "hard": 8} if n else {})


def test_one_respondent_and_a_2pl_of_few_are_refused_with_their_number() -> None:
    with pytest.raises(ConfigError, match="found 1 policies with attempts in the lake and needs at least 2"):
        Irt().score(("easy",), ResponseStore({"weak": HALVES["weak"]}))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="2 respondents are too few for model = '2pl', which needs 20"):
        Irt(model="2pl").score(("easy",), ResponseStore(HALVES))  # type: ignore[arg-type]


def test_a_2pl_orders_problems_and_tells_no_interval_that_it_cannot_hold() -> None:
    rng = np.random.default_rng(0)
    responses = {
        f"r{i:02d}": {
            f"p{j}": counts(*((1, 0) if rng.random() < 1 / (1 + np.exp(j - i / 5)) else (0, 1))) for j in range(4)
        }
        for i in range(20)
    }
    scores = Irt(model="2pl", n=0).score(tuple(f"p{j}" for j in range(4)), ResponseStore(responses))  # type: ignore[arg-type]
    assert [score.value for score in scores] == sorted(score.value for score in scores)
    assert all(np.isnan([score.low, score.high]).all() for score in scores)
