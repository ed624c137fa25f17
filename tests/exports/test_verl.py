"""verl's five columns, and the id that brings rollouts home."""

from dataclasses import replace

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


def test_the_snippet_names_the_reward_beside_the_data() -> None:
    assert "reward.custom_reward_function.path=data/reward.py" in Verl().snippet("data/train.parquet")
    assert "def compute_score(data_source, solution_str, ground_truth, extra_info=None" in Verl().files("")["reward.py"]


def test_a_row_of_verl_s_own_data_keeps_its_source_and_extra_info(chosen: ExportRow) -> None:
    metadata = '{"data_source":"openai/gsm8k","extra_info":{"index":3,"question":"2 + 2?"}}'
    (row,) = Verl().rows([replace(chosen, metadata=metadata)])
    assert (row["data_source"], row["extra_info"]["question"]) == ("openai/gsm8k", "2 + 2?")
    assert (row["extra_info"]["index"], row["extra_info"]["split"]) == (0, "train")


def test_the_ability_follows_the_verifier(chosen: ExportRow) -> None:
    rows = Verl().rows([chosen, replace(chosen, verifier="code"), replace(chosen, verifier="exact")])
    assert [row["ability"] for row in rows] == ["math", "code", "reasoning"]
