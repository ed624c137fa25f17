"""`dpo`: preferences, for TRL's DPOTrainer and RewardTrainer, with their margins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from assay.core.export_rows import ChatTurn, Row
from assay.core.training_rows import PairRow, TrainingSetSummary
from assay.exports.training_sets._card import training_set_card


@dataclass(frozen=True)
class Dpo:
    """One row per pair: `prompt`, `chosen` and `rejected` as chats, and `margin`, which is null where there is none.

    A begun answer is a part of both answers. RewardTrainer subtracts `margin` from the difference of the rewards.
    """

    table: ClassVar[str] = "pairs"

    def left_out(self, row: PairRow) -> str:
        """Return why a pair cannot be expressed; "" where it can."""
        return "neither answer is preferred: its soft label is 0.5 or less" if row.soft_label <= 0.5 else ""

    def rows(self, rows: Sequence[PairRow]) -> list[Row]:
        """Return one row per pair, in the order of their problems."""
        return [
            {
                "prompt": list(row.prompt),
                "chosen": [ChatTurn(role="assistant", content=row.prefix + row.chosen)],
                "rejected": [ChatTurn(role="assistant", content=row.prefix + row.rejected)],
                "margin": row.margin,
                "soft_label": row.soft_label,
                "assay_id": row.problem_id,
                "pair_id": row.id,
                "method": row.method,
                "rule": row.rule,
                "origin": row.origin,
                "confidence": row.confidence,
                "verified": row.verified,
            }
            for row in rows
        ]

    def snippet(self, file: str) -> str:
        """Return the code with which DPOTrainer reads the file."""
        return (
            "from datasets import load_dataset\n"
            "from trl import DPOConfig, DPOTrainer\n"
            f'train = load_dataset("parquet", data_files="{file}", split="train")\n'
            "# DPOTrainer(model=..., args=DPOConfig(max_length=None), train_dataset=train)\n"
            "# max_length=None: TRL's default cuts sequences at 1,024 tokens. TRL reads no soft labels per row.\n"
        )

    def card(self, rows: Sequence[PairRow], left_out: Mapping[str, int], summary: TrainingSetSummary) -> str:
        """Return the text of the dataset card; `left_out` counts rows by the reason why they were not written."""
        return training_set_card(rows, left_out, summary, table=self.table)
