"""`kto`: single answers that are desirable or not, for TRL's KTOTrainer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from assay.core.export_rows import ChatTurn, Row
from assay.core.training_rows import TargetRow, TrainingSetSummary
from assay.exports.training_sets._card import training_set_card


@dataclass(frozen=True)
class Kto:
    """One row per target: `prompt` and `completion` as chats, and `label`: true = desirable, false = to avoid."""

    table: ClassVar[str] = "targets"

    def left_out(self, row: TargetRow) -> str:
        """Return why a target cannot be expressed; "" where it can."""
        return "a part of the answer is masked, which no column can say" if row.masked else ""

    def rows(self, rows: Sequence[TargetRow]) -> list[Row]:
        """Return one row per target, in the order of their problems."""
        return [
            {
                "prompt": list(row.prompt),
                "completion": [ChatTurn(role="assistant", content=row.answer)],
                "label": row.desirable,
                "assay_id": row.problem_id,
                "target_id": row.id,
                "method": row.method,
                "origin": row.origin,
                "confidence": row.confidence,
                "verified": row.verified,
            }
            for row in rows
        ]

    def snippet(self, file: str) -> str:
        """Return the code with which KTOTrainer reads the file."""
        return (
            "from datasets import load_dataset\n"
            "from trl import KTOConfig, KTOTrainer\n"
            f'train = load_dataset("parquet", data_files="{file}", split="train")\n'
            "# KTOTrainer(model=..., args=KTOConfig(max_length=None), train_dataset=train)\n"
            "# max_length=None: TRL's default cuts sequences at 1,024 tokens.\n"
        )

    def card(self, rows: Sequence[TargetRow], left_out: Mapping[str, int], summary: TrainingSetSummary) -> str:
        """Return the text of the dataset card; `left_out` counts rows by the reason why they were not written."""
        return training_set_card(rows, left_out, summary, table="judged")
