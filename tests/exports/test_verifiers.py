"""question, answer, info."""

from assay.core.export_rows import ExportRow
from assay.exports.verifiers import Verifiers


def test_the_question_is_the_last_turn_alone(chosen: ExportRow) -> None:
    (row,) = Verifiers().rows([chosen])
    assert (row["question"], row["answer"], row["info"]["assay_id"]) == ("2 + 2? Think.", "4", "id")
