from dataclasses import replace

import pytest

from assay.core.training_rows import StepsRow
from assay.exports.training_sets.prm import Prm


def test_a_step_is_right_where_any_completion_was(steps: StepsRow) -> None:
    (row,) = Prm().rows([steps])
    assert row["prompt"] == "Be brief.\n\n2 + 2?"
    assert row["completions"] == ["2 + 2\n", "is 4\n", "or 5\n"]  # the last one was not measured
    assert row["labels"] == [True, True, False]
    assert row["values"] == [1.0, 0.5, 0.0]


def test_more_can_be_asked_of_a_step(steps: StepsRow) -> None:
    assert Prm(above=0.5).rows([steps])[0]["labels"] == [True, False, False]
    with pytest.raises(ValueError, match=r"above must lie in \[0, 1\), found 1.0"):
        Prm(above=1.0)


def test_an_answer_without_a_measured_step_is_left_out(steps: StepsRow) -> None:
    assert Prm().left_out(steps) == ""
    assert Prm().left_out(replace(steps, values=(None, 1.0, 1.0, 1.0))) == "no step was completed from"
