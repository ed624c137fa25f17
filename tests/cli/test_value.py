"""`curate analyze value`: the table, the sentence, and what it says where too little was attempted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from assay.cli.curate.value import _print_estimate
from assay.pipelines.analysis.choosing_value import describe_value


def estimate(pays: bool, gain: tuple[float, float, float]) -> dict[str, Any]:
    spans = {"first_tenth": (900.0, 1000.0, 1100.0), "whole": (400.0, 500.0, 600.0)}
    rows = [
        {"way": "uniform", "uses": 1, **spans, "gain": (1.0, 1.0, 1.0)},
        {"way": "bins by source", "uses": 1, **spans, "gain": gain},
        {"way": "scoring, 4 attempts", "uses": 5, **spans, "gain": (float("nan"),) * 3},
    ]
    size = {"problems": 300, "attempted": 120, "steps": 50, "groups": 8, "group_size": 8, "drift": 0.0}
    regrets = {"uniform": 1.0625, "bins by source": 0.01, "scoring, 4 attempts": float("inf")}
    return {**size, "rows": rows, "regrets": regrets, "best": "bins by source", "pays": pays}


def test_the_sentence_names_the_cheapest_way_or_says_that_choosing_will_not_pay() -> None:
    assert describe_value(estimate(True, (1.5, 2.0, 2.5))) == (
        "Cheapest for one training: bins by source, 2.00 [1.50, 2.50] times cheaper than uniform."
    )
    assert "will not pay" in describe_value(estimate(False, (0.9, 1.0, 1.2)))


def test_the_table_has_a_row_per_way_and_its_intervals() -> None:
    console = Console(record=True, width=220)
    _print_estimate(console, estimate(True, (1.5, 2.0, 2.5)))
    shown = " ".join(console.export_text().split())
    assert "50 steps of 8 groups of 8 over 300 problems, of which 120 were attempted" in shown
    assert "1,000 [900, 1,100]" in shown
    assert shown.count("500 [400, 600]") == 3
    assert "106%" in shown
    assert " 1% " in shown
    assert "inf" not in shown  # told for one training only


@pytest.mark.service
def test_a_pool_of_few_attempts_is_answered_with_what_to_do(assay: Callable[..., Any], curated: Path) -> None:
    refused = assay("curate", "analyze", "value", curated)
    assert refused.returncode != 0
    assert "a forecast needs 40" in " ".join(refused.stderr.split())
