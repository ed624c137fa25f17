"""`trl`: the prompt-only format: a chat to answer, and columns that reward functions receive by name."""

from collections.abc import Sequence
from dataclasses import dataclass

from assay.core.export_rows import ExportRow, Row


@dataclass(frozen=True)
class Trl:
    """One row per place of the curriculum: `prompt` as a chat, `answer` for the reward function.

    The columns `assay_id`, `lesson`, `weight` and `reason` say where the row comes from.
    """

    def rows(self, rows: Sequence[ExportRow]) -> list[Row]:
        """Return one row per place, in the curriculum's order."""
        return [
            {
                "prompt": list(row.prompt),
                "answer": row.answer,
                "assay_id": row.assay_id,
                "lesson": row.lesson,
                "weight": row.weight,
                "reason": row.reason,
            }
            for row in rows
        ]

    def snippet(self, file: str) -> str:
        """Return the code with which GRPOTrainer reads the file without shuffling it."""
        return (
            "from datasets import load_dataset\n"
            f'train = load_dataset("parquet", data_files="{file}", split="train")\n'
            "# GRPOConfig shuffles by default; this keeps the curriculum's order:\n"
            "# GRPOConfig(shuffle_dataset=False, ...)\n"
            "# trl.rewards.accuracy_reward reads a column `solution` with mathematics between dollar signs:\n"
            "# train = train.map(lambda row: {'solution': f\"${row['answer']}$\"})\n"
        )
