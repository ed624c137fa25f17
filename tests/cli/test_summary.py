"""What a run prints at its end and a dry run before it."""

from types import SimpleNamespace

import pytest

from assay.cli.console import ConsoleReporter
from assay.cli.curate import summary
from assay.pipelines.analysis import cost_estimate


def test_cut_attempts_stand_beside_the_solved_ones() -> None:
    place = {"correct": 1, "wrong": 0, "truncated": 3, "mean": 0.75, "low": 0.3, "high": 0.97}
    assert summary._format_score(place) == ("1/4, 3 cut", "0.75", "[0.30, 0.97]")
    assert summary._format_score({**place, "truncated": 0, "wrong": 3})[0] == "1/4"


@pytest.mark.parametrize(("pass_rate", "advised"), [(0.0, True), (0.25, False), (None, False)])
def test_a_pilot_without_a_correct_attempt_says_what_to_look_at(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], pass_rate: float | None, advised: bool
) -> None:
    outcomes = {"attempts": 4, "shares": {"wrong": 1.0}, "pass_rate": pass_rate, "examples": {}}
    disk = {"bytes": None, "free": 1 << 30, "short": False}
    estimate = {"stages": [], "pilot": 1, "tokens": (1, 2), "seconds": (1, 2), "outcomes": outcomes, "disk": disk}
    monkeypatch.setattr(cost_estimate, "estimate_cost", lambda context, pilot: estimate)
    summary.print_estimate(SimpleNamespace(), 1, ConsoleReporter(), as_json=False)
    assert (summary.ALL_WRONG in capsys.readouterr().out.replace("\n", " ")) == advised
