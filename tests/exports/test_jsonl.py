"""Every field, one object a line."""

from assay.exports._chosen import Chosen
from assay.exports.jsonl import Jsonl


def test_a_line_holds_counts_and_the_reason(chosen: Chosen, ungraded: Chosen) -> None:
    kept, gone = Jsonl().rows([chosen, ungraded])
    assert (kept["correct"], kept["wrong"], kept["truncated"], kept["reason"]) == (3, 1, 2, "")
    assert (gone["mean"], gone["reason"]) == (None, "unscored")
