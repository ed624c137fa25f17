"""What a run prints at its end and a dry run before it."""

from types import SimpleNamespace

import pytest

from assay.cli.console import ConsoleReporter
from assay.cli.curate import summary
from assay.pipelines.analysis import cost_estimate
from assay.pipelines.context.first_attempts import advise_on_pilot


def test_cut_attempts_stand_beside_the_solved_ones() -> None:
    place = {"correct": 1, "wrong": 0, "truncated": 3, "mean": 0.75, "low": 0.3, "high": 0.97}
    assert summary._format_score(place) == ("1/4, 3 truncated", "0.75", "[0.30, 0.97]")
    assert summary._format_score({**place, "truncated": 0, "wrong": 3})[0] == "1/4"


TOO_HARD = "4 of 4 wrong attempts state an answer, so the prompt works"
NO_ANSWER = "in 3 of 4 wrong attempts the verifier found no answer"


@pytest.mark.parametrize(
    ("pass_rate", "unparsable", "advised"),
    [(0.0, 0.0, TOO_HARD), (0.0, 0.75, NO_ANSWER), (0.25, 0.0, ""), (None, 0.0, "")],
)
def test_a_pilot_without_a_correct_attempt_tells_a_weak_model_from_a_wrong_prompt(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    pass_rate: float | None,
    unparsable: float,
    advised: str,
) -> None:
    shares = {"wrong": 1.0, "truncated": 0.0}
    outcomes = {"attempts": 4, "shares": shares, "pass_rate": pass_rate, "examples": {}, "unparsable": unparsable}
    disk = {"bytes": None, "free": 1 << 30, "short": False}
    estimate = {"stages": [], "pilot": 1, "tokens": (1, 2), "seconds": (1, 2), "outcomes": outcomes, "disk": disk}
    monkeypatch.setattr(cost_estimate, "estimate_cost", lambda context, pilot: estimate)
    context = SimpleNamespace(sampler=SimpleNamespace(max_tokens=48))
    summary.print_estimate(context, 1, ConsoleReporter(), as_json=False)
    printed = capsys.readouterr().out.replace("\n", " ")
    assert advised in printed
    assert ("no attempt of the pilot is correct" in printed) == bool(advised)


def test_a_pilot_whose_attempts_are_cut_names_the_cap() -> None:
    shares = {"wrong": 0.5, "correct": 0.2, "truncated": 0.3}
    advice = advise_on_pilot({"attempts": 10, "shares": shares, "pass_rate": 0.3, "unparsable": 0.0}, 48)
    assert advice == ["30% of the attempts reached policy.max_tokens = 48: a larger cap lets them finish"]
    assert (
        advise_on_pilot(
            {"attempts": 10, "shares": {**shares, "truncated": 0.2}, "pass_rate": 0.3, "unparsable": 0.0}, 48
        )
        == []
    )
