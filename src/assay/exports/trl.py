"""TRL's prompt-only format: a chat to answer, with columns that reward functions receive by name."""

from collections.abc import Sequence
from dataclasses import dataclass

from assay.core.export_rows import ExportRow, Row


@dataclass(frozen=True)
class Trl:
    """One row a place of the curriculum: `prompt` as a chat, `answer` for the reward function, and ours: assay_id, lesson, weight."""

    def rows(self, chosen: Sequence[ExportRow]) -> list[Row]:
        """Rows in the curriculum's order."""
        return [
            {
                "prompt": list(c.prompt),
                "answer": c.answer,
                "assay_id": c.assay_id,
                "lesson": c.lesson,
                "weight": c.weight,
                "reason": c.reason,
            }
            for c in chosen
        ]

    def snippet(self, file: str) -> str:
        """How GRPOTrainer reads it in our order."""
        return (
            "from datasets import load_dataset\n"
            f'train = load_dataset("parquet", data_files="{file}", split="train")\n'
            "# GRPOConfig shuffles by default; this keeps the curriculum's order:\n"
            "# GRPOConfig(shuffle_dataset=False, ...)\n"
        )
