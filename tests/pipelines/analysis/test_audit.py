"""A sheet out, marks back: what a person says about a sample of verdicts."""

import csv

import pytest

from assay.core.errors import ConfigError
from assay.pipelines.analysis.audit import corrected_rates, read_sheet, write_sheet
from assay.pipelines.runner.stages import run_stages


@pytest.fixture
def judged(walked):
    run_context = walked(temperature=1.0)
    run_stages(run_context, only=True)
    return run_context


def marked(path, mark):
    """The sheet with each row marked by a rule."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["right"] = mark(row)
    with path.open("w", newline="") as file:
        sheet = csv.DictWriter(file, rows[0])
        sheet.writeheader()
        sheet.writerows(rows)
    return rows


def truth(row):
    return "yes" if row["extracted"] == row["gold"] else "no"


def test_the_sheet_holds_both_sides_and_hides_the_verdict(judged, tmp_path):
    path = tmp_path / "sheet.csv"
    sizes = write_sheet(judged, path, 10)
    assert sizes == {"accepted": 10, "rejected": 10}
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 20
    assert set(rows[0]) == {"verdict", "right", "gold", "extracted", "question", "answer"}
    assert "What is" in rows[0]["question"]
    with pytest.raises(ConfigError, match="exists"):
        write_sheet(judged, path, 10)


def test_the_same_seed_draws_the_same_answers(judged, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_sheet(judged, tmp_path / name, 5, seed)
    first, again, other = ((tmp_path / name).read_text() for name in "abc")
    assert first == again != other


def test_a_faultless_verifier_is_found_so_and_its_rates_stay(judged, tmp_path):
    path = tmp_path / "sheet.csv"
    write_sheet(judged, path, 10)
    marked(path, truth)
    (row,) = read_sheet(judged, path)
    assert (row["soundness"], row["completeness"]) == (1.0, 1.0)
    assert row["soundness_low"] < 1
    (stored,) = judged.lake.rows("SELECT * EXCLUDE (run, mode, source) FROM verifier_audits")
    assert stored == row
    read_sheet(judged, path)
    assert judged.lake.rows("SELECT count(*) AS n FROM verifier_audits") == [{"n": 1}]
    (rate,) = corrected_rates(judged, [row])
    assert rate["corrected"] == pytest.approx(rate["observed"])
    assert rate["low"] < rate["corrected"] < rate["high"]


def test_a_verifier_that_accepts_wrong_answers_has_its_rate_lowered(judged, tmp_path):
    path = tmp_path / "sheet.csv"
    write_sheet(judged, path, 10)
    seen = iter(range(99))
    marked(path, lambda row: "no" if truth(row) == "no" or next(seen) < 4 else "yes")
    (row,) = read_sheet(judged, path)
    assert (row["accepted_right"], row["accepted_wrong"]) == (6, 4)
    (rate,) = corrected_rates(judged, [row])
    assert rate["corrected"] == pytest.approx(0.6 * rate["observed"])


@pytest.mark.parametrize(("mark", "message"), [("maybe", "must be yes or no"), ("", "no row is marked")])
def test_a_sheet_that_cannot_be_read_is_named(judged, tmp_path, mark, message):
    path = tmp_path / "sheet.csv"
    write_sheet(judged, path, 3)
    marked(path, lambda row: mark)
    with pytest.raises(ConfigError, match=message):
        read_sheet(judged, path)
    with pytest.raises(ConfigError, match="no sheet at"):
        read_sheet(judged, tmp_path / "none.csv")


def test_one_side_alone_says_too_little(judged, tmp_path):
    path = tmp_path / "sheet.csv"
    write_sheet(judged, path, 3)
    marked(path, lambda row: "yes" if truth(row) == "yes" else "")
    with pytest.raises(ConfigError, match="both sides are needed"):
        read_sheet(judged, path)
