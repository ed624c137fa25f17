"""The prompt is a chat, the answer a column."""

from dataclasses import replace

from assay.core.export_rows import ExportRow
from assay.exports.trl import Trl


def test_the_prompt_is_the_chat_that_the_policy_was_asked(chosen: ExportRow) -> None:
    (row,) = Trl().rows([chosen])
    assert [turn["role"] for turn in row["prompt"]] == ["system", "user"]
    assert (row["answer"], row["assay_id"], row["weight"]) == ("4", "id", 1.0)


def test_the_snippet_keeps_the_order() -> None:
    assert "shuffle_dataset=False" in Trl().snippet("train.parquet")


def test_solution_is_what_trl_s_accuracy_reward_reads(chosen: ExportRow) -> None:
    (plain, word, dressed) = Trl().rows(
        [chosen, replace(chosen, verifier="exact", answer="Paris"), replace(chosen, answer="\\boxed{4}")]
    )
    assert [row["solution"] for row in (plain, word, dressed)] == ["$4$", "Paris", "\\boxed{4}"]


def test_the_cap_of_training_stands_in_the_reward(chosen: ExportRow) -> None:
    assert "MAX_TOKENS = 512 " in Trl(max_completion_length=512).files("sums")["reward.py"]
    assert "MAX_TOKENS = 0 " in Trl().files("sums")["reward.py"]
