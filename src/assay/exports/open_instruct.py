"""`open_instruct`: the columns of its RLVR data: messages, ground_truth, dataset, and the pass rate with its counts."""

from collections.abc import Sequence
from dataclasses import dataclass

from assay.core.export_rows import ExportRow, Row


@dataclass(frozen=True)
class OpenInstruct:
    """One row per place of the curriculum; `passrate` is correct / graded, null if nothing was graded."""

    dataset: str = ""  # the verifier's name in open-instruct; "" = the label's verifier

    def rows(self, rows: Sequence[ExportRow]) -> list[Row]:
        """Return one row per place, in the curriculum's order."""
        return [
            {
                "messages": list(row.prompt),
                "ground_truth": row.answer,
                "dataset": self.dataset or row.verifier,
                "passrate": row.correct / row.graded if row.graded else None,
                "total_rollouts": row.graded,
                "total_correct_rollouts": row.correct,
                "assay_id": row.assay_id,
                "reason": row.reason,
            }
            for row in rows
        ]

    def snippet(self, file: str) -> str:
        """Return the command with which grpo_fast reads a local file."""
        return f"python open_instruct/grpo_fast.py --dataset_mixer_list {file} 1.0 --dataset_mixer_list_splits train\n"
