"""Every field, one object per line."""

from assay.core.export_rows import ExportRow
from assay.exports.jsonl import Jsonl


def test_a_line_holds_counts_and_the_reason(chosen: ExportRow, ungraded: ExportRow) -> None:
    kept, filtered = Jsonl().rows([chosen, ungraded])
    assert (kept["correct"], kept["wrong"], kept["truncated"], kept["reason"]) == (3, 1, 2, "")
    assert (filtered["mean"], filtered["reason"]) == (None, "unscored")
