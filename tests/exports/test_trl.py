"""The prompt is a chat, the answer a column."""

from assay.core.export_rows import ExportRow
from assay.exports.trl import Trl


def test_the_prompt_is_the_chat_that_the_policy_was_asked(chosen: ExportRow) -> None:
    (row,) = Trl().rows([chosen])
    assert [turn["role"] for turn in row["prompt"]] == ["system", "user"]
    assert (row["answer"], row["assay_id"], row["weight"]) == ("4", "id", 1.0)


def test_the_snippet_keeps_the_order() -> None:
    assert "shuffle_dataset=False" in Trl().snippet("train.parquet")


def test_the_snippet_s_column_for_accuracy_reward_is_read_as_the_answer() -> None:
    (line,) = [line for line in Trl().snippet("train.parquet").splitlines() if "train.map" in line]
    made = eval(line.partition("train.map(")[2].removesuffix(")"))({"answer": "(1,2)"})  # our own snippet
    assert made == {"solution": "$(1,2)$"}
