"""`curate analyze lengths` and `curate analyze pass-at-k`, and an adaptive plan from the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.service  # whole commands in processes of their own

Run = Callable[..., Any]


def test_lengths_and_passes_read_what_a_run_has_stored(assay: Run, curated: Path) -> None:
    told = json.loads(assay("curate", "analyze", "lengths", curated, "--at", 1, "--at", 16, "--json").stdout)
    assert [row["cap"] for row in told["caps"]] == [1, 16]
    whole = told["caps"][1]
    assert whole["correct"] + whole["wrong"] + whole["truncated"] == told["attempts"] == 64
    assert whole["correct"] > 0
    shown = assay("curate", "analyze", "pass-at-k", curated, "--k", 2)
    assert shown.returncode == 0, shown.stderr
    assert all(name in shown.stdout for name in ("pass@2", "pass^2", "majority@2"))
    means = json.loads(assay("curate", "analyze", "pass-at-k", curated, "--k", 1, "--k", 2, "--json").stdout)["means"]
    assert means["pass^2"] <= means["pass@1"] == whole["correct"] / 64 <= means["pass@2"]


def test_an_adaptive_plan_runs_to_its_end_and_marks_its_pass_at_k(assay: Run, config: Path) -> None:
    adaptive = ("--set", "score.allocation=adaptive", "--set", "score.prior=fitted")
    assert assay("curate", "run", config, *adaptive).returncode == 0
    again = assay("curate", "run", config, *adaptive)
    assert "nothing to do" in again.stdout + again.stderr
    marked = assay("curate", "analyze", "pass-at-k", config, *adaptive)
    assert marked.returncode == 0, marked.stderr
    assert "posterior estimates, since outcomes decided the attempts" in " ".join(marked.stdout.split())
    fixed = assay("curate", "analyze", "pass-at-k", config, "--k", 1)
    assert "a biased choice" in fixed.stderr or " more have fewer" not in fixed.stdout
    short = assay("curate", "analyze", "pass-at-k", config, "--set", "score.n=64", "--k", 1)
    assert "problems have fewer than 64 attempts and are left out" in " ".join(short.stderr.split())
