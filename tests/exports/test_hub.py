"""A card that says what is inside."""

from assay.core.export_rows import DatasetSummary, ExportRow
from assay.exports.hub import Hub


def test_the_card_names_splits_licence_and_what_was_left_out(chosen: ExportRow, ungraded: ExportRow) -> None:
    summary = DatasetSummary(
        "sums", "model", "rev", ("math@1",), {"<.8": 1}, [("select", "budget", 5)], {"sums": "CC0"}
    )
    card = Hub(licence="cc0-1.0").card([chosen, chosen], [ungraded], summary)
    for piece in (
        "license: cc0-1.0",
        "split: filtered",
        "1 problems in 2 places",
        "| sums | 1 | CC0 |",
        "| <.8 | 1 |",
        "| select | budget | 5 |",
    ):
        assert piece in card, piece
