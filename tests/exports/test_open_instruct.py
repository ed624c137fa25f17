"""A pass rate with its counts."""

import json

from assay.core.export_rows import ExportRow
from assay.exports.open_instruct import OpenInstruct


def test_three_right_of_four_graded_is_three_quarters_and_cut_attempts_do_not_count(chosen: ExportRow) -> None:
    (row,) = OpenInstruct().rows([chosen])
    assert (row["passrate"], row["total_rollouts"], row["total_correct_rollouts"], row["dataset"]) == (
        0.75,
        4,
        3,
        "assay",
    )


def test_nothing_graded_has_no_pass_rate(ungraded: ExportRow) -> None:
    assert OpenInstruct(dataset="gsm8k").rows([ungraded])[0]["passrate"] is None
    assert OpenInstruct(dataset="gsm8k").rows([ungraded])[0]["dataset"] == "gsm8k"


def test_a_verifier_that_the_named_one_cannot_stand_for_is_refused_by_name() -> None:
    assert OpenInstruct(dataset="gsm8k").refusal(["math", "numeric"]) == ""
    assert "'gsm8k' does not judge as 'choice'" in OpenInstruct(dataset="gsm8k").refusal(["choice", "math"])
    assert OpenInstruct().refusal(["choice", "code", "verl:reward.py:f"]) == ""


def test_the_label_of_our_own_verifier_is_the_record(chosen: ExportRow) -> None:
    assert json.loads(OpenInstruct().rows([chosen])[0]["ground_truth"])["gold"] == "4"
    assert OpenInstruct(dataset="math").rows([chosen])[0]["ground_truth"] == "4"
    assert OpenInstruct(dataset="math").files("") == {}
