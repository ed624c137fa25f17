"""The columns of the verifiers library and of prime-rl: question, answer, info."""

from collections.abc import Sequence
from dataclasses import dataclass

from assay.core.export_rows import ExportRow, Row


@dataclass(frozen=True)
class Verifiers:
    """One row a place of the curriculum; few-shot turns and system prompt belong to the environment, so `question` is the last turn alone."""

    def rows(self, chosen: Sequence[ExportRow]) -> list[Row]:
        """Rows in the curriculum's order."""
        return [
            {
                "question": c.question,
                "answer": c.answer,
                "info": {
                    "assay_id": c.assay_id,
                    "lesson": c.lesson,
                    "weight": c.weight,
                    "source": c.source,
                    "reason": c.reason,
                },
            }
            for c in chosen
        ]

    def snippet(self, file: str) -> str:
        """How an environment takes it."""
        return (
            "import verifiers as vf\n"
            "from datasets import load_dataset\n"
            f'dataset = load_dataset("parquet", data_files="{file}", split="train")\n'
            "# vf.SingleTurnEnv(dataset=dataset, rubric=...)\n"
        )
