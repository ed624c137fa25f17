"""A card that says what is inside."""

from huggingface_hub import DatasetCard

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


def test_the_hub_reads_every_field_of_the_front_matter(chosen: ExportRow) -> None:
    part = Hub(licence_name="ours", licence_link="LICENSE.md", languages=("en", "de"), tags=("arithmetic",))
    summary = DatasetSummary(
        'sums: "all"',
        "model",
        "rev",
        ("math@1",),
        {},
        [],
        {},
        sampling={"temperature": 0.5, "template": "{prompt} | think"},
        benchmarks=("AIME24", "MATH-500"),
        tokens=1200,
        attempts=40,
    )
    card = part.card([chosen], [], summary)
    data = DatasetCard(card).data
    assert (data.license, data.license_name, data.license_link) == ("other", "ours", "LICENSE.md")
    assert (data.language, data.pretty_name, data.size_categories) == (["en", "de"], 'sums: "all"', ["n<1K"])
    assert data.task_categories == ["text-generation"]
    assert {"rlvr", "math", "arithmetic"} <= set(data.tags)
    assert data.configs[0]["data_files"] == [{"split": "train", "path": "data/train.parquet"}]
    assert "40 attempts of 1200 tokens" in card
    assert "Decontaminated against AIME24, MATH-500." in card
    assert '| template | `"{prompt} \\| think"` |' in card


def test_the_config_s_licence_goes_over_the_export_s(chosen: ExportRow) -> None:
    summary = DatasetSummary("sums", "model", "rev", (), {}, [], {}, licence="mit")
    assert DatasetCard(Hub().card([chosen], [], summary)).data.license == "mit"
