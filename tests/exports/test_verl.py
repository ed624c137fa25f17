"""verl's five columns, and the id that brings rollouts home."""

from assay.core.export_rows import ExportRow
from assay.exports.verl import Verl


def test_a_row_has_verl_s_five_columns(chosen: ExportRow) -> None:
    (row,) = Verl(ability="sums").rows([chosen])
    assert list(row) == ["data_source", "prompt", "ability", "reward_model", "extra_info"]
    assert row["reward_model"] == {"style": "rule", "ground_truth": "4"}
    assert (row["ability"], row["extra_info"]["assay_id"]) == ("sums", "id")


def test_the_snippet_keeps_the_order() -> None:
    assert "data.shuffle=False" in Verl().snippet("train.parquet")


def test_a_name_that_verl_scores_may_stand_for_the_source(chosen: ExportRow) -> None:
    assert [part.rows([chosen])[0]["data_source"] for part in (Verl(), Verl(data_source="openai/gsm8k"))] == [
        chosen.source,
        "openai/gsm8k",
    ]
    assert "default_compute_score" in Verl().snippet("train.parquet")
