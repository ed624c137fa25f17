"""A pass rate with its counts."""

from assay.core.export_rows import ExportRow
from assay.exports.open_instruct import OpenInstruct


def test_three_right_of_four_graded_is_three_quarters_and_cut_attempts_do_not_count(chosen: ExportRow) -> None:
    (row,) = OpenInstruct().rows([chosen])
    assert (row["passrate"], row["total_rollouts"], row["total_correct_rollouts"], row["dataset"]) == (
        0.75,
        4,
        3,
        "math",
    )


def test_nothing_graded_has_no_pass_rate(ungraded: ExportRow) -> None:
    assert OpenInstruct(dataset="gsm8k").rows([ungraded])[0]["passrate"] is None
    assert OpenInstruct(dataset="gsm8k").rows([ungraded])[0]["dataset"] == "gsm8k"
