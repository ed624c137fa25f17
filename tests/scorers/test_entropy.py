"""The temperature of a wanted entropy, from attempts at several temperatures."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from assay.core.errors import ConfigError
from assay.core.types import Counts, StoredAttempt
from assay.scorers.entropy import Entropy


class LinearEntropy:
    """A policy whose tokens cost .4 nats a degree."""

    def __init__(self, slope: float = 0.4, silent_at: float | None = None, *, logprobs: bool = True) -> None:
        self.slope, self.silent_at, self.logprobs, self.requests = slope, silent_at, logprobs, list[Any]()

    def draw_attempts(
        self, wanted: Mapping[str, int], changes: Mapping[str, Any], policy: str = ""
    ) -> Mapping[str, Sequence[StoredAttempt]]:
        self.requests.append(dict(changes))
        temperature = changes["temperature"]
        tokens = 0 if temperature == self.silent_at else 2
        logprobs = (-self.slope * temperature,) * tokens if self.logprobs else None
        return {
            id_: [StoredAttempt(sample, "wrong", "", tokens, "stop", logprobs) for sample in range(n)]
            for id_, n in wanted.items()
        }


def test_the_temperature_lies_where_the_line_crosses():
    (score,) = Entropy().score(["p"], LinearEntropy())
    assert score.value == pytest.approx(0.75)
    assert (score.low, score.high, score.censored) == (0.6, 0.8, False)
    assert score.counts == Counts(wrong=10)


def test_nothing_but_the_temperature_shapes_what_is_drawn():
    attempts = LinearEntropy()
    Entropy(temperatures=(0.5, 1.0)).score(["p"], attempts)
    assert attempts.requests == [
        {"temperature": 0.5, "top_p": 1.0, "top_k": 0},
        {"temperature": 1.0, "top_p": 1.0, "top_k": 0},
    ]


def test_outside_of_what_was_measured_it_is_censored_at_that_end():
    (surer,), (wilder,) = Entropy().score(["p"], LinearEntropy(0.1)), Entropy().score(["p"], LinearEntropy(2.0))
    assert (surer.value, surer.censored) == (1.2, True)
    assert (wilder.value, wilder.low, wilder.censored) == (0.4, 0.0, True)


def test_a_problem_without_tokens_at_one_temperature_has_no_score():
    assert Entropy().score(["p"], LinearEntropy(silent_at=1.0)) == []


def test_without_log_probabilities_it_names_the_remedy():
    with pytest.raises(
        ConfigError, match=r"sample 0 of problem p has no log-probabilities; set policy\.logprobs = true"
    ):
        Entropy().score(["p"], LinearEntropy(logprobs=False))


def test_temperatures_must_ascend():
    with pytest.raises(ValueError, match="must ascend from above 0"):
        Entropy(temperatures=(1.0, 0.5))
    with pytest.raises(ValueError, match="must ascend from above 0"):
        Entropy(temperatures=(0.0, 0.5))
