"""Verifier errors from a marked sheet to scores, selection, pass@k and held-out rates, without a token."""

import csv
import json

import pytest

from assay.core.errors import ConfigError
from assay.maths.beta.audit import MarkedSample, rogan_gladen
from assay.maths.beta.posterior import mass_between
from assay.pipelines.analysis.audit import corrected_rates, read_sheet, write_sheet
from assay.pipelines.analysis.compare_selectors import compare_selectors
from assay.pipelines.analysis.pass_at_k import estimate_pass_at_k
from assay.pipelines.data.scores import current_scores
from assay.pipelines.data.verifier_errors import find_sample, load_samples
from assay.pipelines.loop.evaluate import compute_points
from assay.pipelines.runner.stages import run_stages

CORRECTED = {"score": {"verifier_errors": "corrected"}, "policy": {"temperature": 1.0}}


@pytest.fixture
def audited(walked, tmp_path):
    """A run whose verifier accepted 4 wrong answers of 10 that a person marked, and rejected no right one."""
    run_context = walked(temperature=1.0)
    run_stages(run_context, only=True)
    mark(run_context, tmp_path / "sheet.csv", 10, accepted_wrong=4)
    return run_context


def mark(run_context, path, size, accepted_wrong):
    """Write a sheet, mark it, read it back."""
    write_sheet(run_context, path, size)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    seen = iter(range(99))
    for row in rows:
        accepted = row["extracted"] == row["gold"]
        row["right"] = "yes" if accepted and next(seen) >= accepted_wrong else "no"
    with path.open("w", newline="") as file:
        sheet = csv.DictWriter(file, rows[0])
        sheet.writeheader()
        sheet.writerows(rows)
    return read_sheet(run_context, path)


def scores_of(run_context):
    results = run_stages(run_context)
    return {row["problem_id"]: row for row in current_scores(run_context, results.rows_of("score"))}, results


def test_scores_carry_corrected_rates_beside_the_raw_ones_without_a_token(audited, context):
    plain, _ = scores_of(audited)
    assert all(row["corrected"] is None for row in plain.values())
    again = context(**CORRECTED)
    rows, _ = scores_of(again)
    assert again.meter.samples == 0
    for id_, row in rows.items():
        assert (row["value"], row["low"], row["high"]) == tuple(plain[id_][name] for name in ("value", "low", "high"))
        assert row["corrected_low"] <= row["corrected"] <= row["corrected_high"]
    solved = [row for row in rows.values() if row["n_correct"]]
    assert all(row["corrected"] < row["value"] for row in solved)
    widths = [(row["corrected_high"] - row["corrected_low"], row["high"] - row["low"]) for row in solved]
    assert sum(wide - narrow for wide, narrow in widths) > 0
    run_stages(again, only=True)  # nothing is left to do


def test_another_audit_counts_the_scores_anew(audited, context, tmp_path):
    first, results = scores_of(context(**CORRECTED))
    mark(audited, tmp_path / "second.csv", 20, accepted_wrong=0)
    later, others = scores_of(context(**CORRECTED))
    assert results.rows_of("score") != others.rows_of("score")
    assert sum(row["corrected"] for row in later.values()) > sum(row["corrected"] for row in first.values())


def test_a_selection_by_corrected_rates_reads_them_and_one_without_them_is_refused(audited, context):
    with pytest.raises(ConfigError, match="no score has a corrected rate"):
        run_stages(context(policy={"temperature": 1.0}, select={"rates": "corrected"}))
    band = {"selector": "band", "low": 0.3, "high": 0.62, "budget": 40}
    raw, by_raw = scores_of(context(**CORRECTED, select=band))
    _, by_corrected = scores_of(context(**CORRECTED, select={**band, "rates": "corrected"}))
    kept = {
        name: {
            row["problem_id"]
            for row in audited.lake.rows(
                "SELECT problem_id FROM selections WHERE selection_id = ? AND kept", [results.rows_of("select")]
            )
        }
        for name, results in (("beta", by_raw), ("corrected", by_corrected))
    }
    for name, ids in kept.items():
        shapes = {id_: (row[f"{name}_a"], row[f"{name}_b"]) for id_, row in raw.items()}
        assert ids == {id_ for id_, (a, b) in shapes.items() if mass_between(a, b, 0.3, 0.62) >= 0.5}
    assert kept["beta"] != kept["corrected"]


def test_pass_at_k_is_told_with_and_without_the_verifiers_errors(audited):
    told = estimate_pass_at_k(audited, [1, 4])
    assert set(told["corrected"]) == {"pass@1", "pass^1", "pass@4", "pass^4"}
    assert told["corrected"]["pass@1"] < told["means"]["pass@1"]
    assert told["corrected"]["pass@4"] >= told["corrected"]["pass@1"]


def test_compared_selectors_see_the_corrected_rates_that_the_selection_reads(audited, context):
    band = {"selector": "band", "low": 0.5, "high": 1.0, "budget": 40}
    chosen = {}
    for rates in ("observed", "corrected"):
        run_context = context(**CORRECTED, select={**band, "rates": rates})
        kept = run_stages(run_context).of("select").rows_out
        chosen[rates] = kept
        assert compare_selectors(run_context)["selections"][0]["kept"] == kept
    assert chosen["corrected"] < chosen["observed"]


def test_held_out_rates_are_told_without_the_verifiers_errors():
    policies = [("before", {str(n): (n % 5, 8) for n in range(100)})]
    (row,) = compute_points(policies, MarkedSample((90, 10), (20, 80), 0.25))
    soundness, completeness = MarkedSample((90, 10), (20, 80), 0.25).point()
    value, low, high = row["corrected"]
    assert value == pytest.approx(float(rogan_gladen(0.25, soundness, completeness)))
    assert high - low > row["pass_at_1"][2] - row["pass_at_1"][1]
    assert low < value < high
    assert compute_points(policies)[0]["corrected"] is None


def test_a_verifier_of_two_sources_is_audited_for_each(context, tmp_path):
    rows = [json.dumps({"prompt": f"What is {n} + {n % 7}?", "answer": str(n + n % 7)}) for n in range(60, 90)]
    (tmp_path / "more.jsonl").write_text("\n".join(rows) + "\n")
    sources = [{"type": "files", "paths": str(tmp_path / name)} for name in ("sums.jsonl", "more.jsonl")]
    run_context = context(source=sources, policy={"temperature": 1.0})
    run_stages(run_context)
    audits = mark(run_context, tmp_path / "sheet.csv", 40, accepted_wrong=5)
    names = {row.get("source") for row in audits}
    assert len(names) == 3
    assert None in names
    pooled = next(row for row in audits if "source" not in row)
    parts = [row for row in audits if "source" in row]
    assert sum(row["accepted_right"] for row in parts) == pooled["accepted_right"]
    samples = load_samples(run_context)
    verifier = f"{pooled['verifier']}@{pooled['version']}"
    for row in parts:
        sample = find_sample(samples, verifier, row["source"])
        assert sample is None or sample.accepted == (row["accepted_right"], row["accepted_wrong"])
    assert find_sample(samples, verifier, "a third").accepted == (pooled["accepted_right"], pooled["accepted_wrong"])
    assert len(corrected_rates(run_context, audits)) == 2


def test_an_audit_says_what_resampling_reaches(audited, tmp_path):
    (row,) = audited.lake.rows("SELECT * FROM verifier_audits")
    (cheap,) = corrected_rates(audited, [row], cost=0.0)
    (dear,) = corrected_rates(audited, [row], cost=20.0)
    assert 0 < cheap["ceiling"] < 1
    assert cheap["best_k"] > dear["best_k"]
    assert dear["false"] <= cheap["false"]
