"""open-instruct's RLVR columns: messages, ground_truth, dataset, and the pass rate as counts."""

from collections.abc import Sequence
from dataclasses import dataclass

from assay.core.export_rows import ExportRow, Row


@dataclass(frozen=True)
class OpenInstruct:
    """One row a place of the curriculum; `passrate` is correct / graded, null where nothing was graded."""

    dataset: str = ""  # verifier's name over there; "" = the label's verifier here

    def rows(self, chosen: Sequence[ExportRow]) -> list[Row]:
        """Rows in the curriculum's order."""
        return [
            {
                "messages": list(c.prompt),
                "ground_truth": c.answer,
                "dataset": self.dataset or c.verifier,
                "passrate": c.correct / c.graded if c.graded else None,
                "total_rollouts": c.graded,
                "total_correct_rollouts": c.correct,
                "assay_id": c.assay_id,
                "reason": c.reason,
            }
            for c in chosen
        ]

    def snippet(self, file: str) -> str:
        """How grpo_fast takes a local file."""
        return f"python open_instruct/grpo_fast.py --dataset_mixer_list {file} 1.0 --dataset_mixer_list_splits train\n"
