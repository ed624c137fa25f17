"""`open_instruct`: the RLVR columns: messages, ground_truth, dataset, and the pass rate as counts."""

from collections.abc import Sequence
from dataclasses import dataclass

from assay.core.export_rows import ExportRow, Row


@dataclass(frozen=True)
class OpenInstruct:
    """One row per place of the curriculum; `passrate` is correct / graded, null where nothing was graded."""

    dataset: str = ""  # verifier's name over there; "" = the label's verifier here

    def rows(self, places: Sequence[ExportRow]) -> list[Row]:
        """Return one row per place, in the curriculum's order."""
        return [
            {
                "messages": list(place.prompt),
                "ground_truth": place.answer,
                "dataset": self.dataset or place.verifier,
                "passrate": place.correct / place.graded if place.graded else None,
                "total_rollouts": place.graded,
                "total_correct_rollouts": place.correct,
                "assay_id": place.assay_id,
                "reason": place.reason,
            }
            for place in places
        ]

    def snippet(self, file: str) -> str:
        """Return the command with which grpo_fast reads a local file."""
        return f"python open_instruct/grpo_fast.py --dataset_mixer_list {file} 1.0 --dataset_mixer_list_splits train\n"
