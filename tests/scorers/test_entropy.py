"""The temperature of a wanted entropy, from what was said at several."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from assay.core.errors import ConfigError
from assay.core.types import Counts, StoredAttempt
from assay.scorers.entropy import Entropy


class Heated:
    """A policy whose tokens cost .4 nats a degree."""

    def __init__(self, slope: float = 0.4, silent_at: float | None = None, *, told: bool = True) -> None:
        self.slope, self.silent_at, self.told, self.asked = slope, silent_at, told, list[Any]()

    def draw_attempts(
        self, wanted: Mapping[str, int], changes: Mapping[str, Any], policy: str = ""
    ) -> Mapping[str, Sequence[StoredAttempt]]:
        self.asked.append(dict(changes))
        heat = changes["temperature"]
        tokens = 0 if heat == self.silent_at else 2
        logprobs = (-self.slope * heat,) * tokens if self.told else None
        return {
            id_: [StoredAttempt(sample, "wrong", "", tokens, "stop", logprobs) for sample in range(n)]
            for id_, n in wanted.items()
        }


def test_the_temperature_lies_where_the_line_crosses():
    (made,) = Entropy().score(["p"], Heated())
    assert made.value == pytest.approx(0.75)
    assert (made.low, made.high, made.censored) == (0.6, 0.8, False)
    assert made.counts == Counts(wrong=10)


def test_nothing_but_the_temperature_shapes_what_is_drawn():
    given = Heated()
    Entropy(temperatures=(0.5, 1.0)).score(["p"], given)
    assert given.asked == [
        {"temperature": 0.5, "top_p": 1.0, "top_k": 0},
        {"temperature": 1.0, "top_p": 1.0, "top_k": 0},
    ]


def test_outside_of_what_was_measured_it_is_censored_at_that_end():
    (surer,), (wilder,) = Entropy().score(["p"], Heated(0.1)), Entropy().score(["p"], Heated(2.0))
    assert (surer.value, surer.censored) == (1.2, True)
    assert (wilder.value, wilder.low, wilder.censored) == (0.4, 0.0, True)


def test_a_problem_without_tokens_at_one_temperature_has_no_score():
    assert Entropy().score(["p"], Heated(silent_at=1.0)) == []


def test_without_log_probabilities_it_names_the_remedy():
    with pytest.raises(
        ConfigError, match=r"sample 0 of problem p has no log-probabilities; set policy\.logprobs = true"
    ):
        Entropy().score(["p"], Heated(told=False))


def test_temperatures_must_ascend():
    with pytest.raises(ValueError, match="must ascend from above 0"):
        Entropy(temperatures=(1.0, 0.5))
    with pytest.raises(ValueError, match="must ascend from above 0"):
        Entropy(temperatures=(0.0, 0.5))
