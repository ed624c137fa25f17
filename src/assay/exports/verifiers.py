"""`verifiers`: the columns of the verifiers library and of prime-rl: question, answer, info."""

from collections.abc import Sequence
from dataclasses import dataclass

from assay.core.export_rows import ExportRow, Row


@dataclass(frozen=True)
class Verifiers:
    """One row per place of the curriculum.

    `question` is the last turn alone, because few-shot turns and the system prompt belong to the environment.
    """

    def rows(self, rows: Sequence[ExportRow]) -> list[Row]:
        """Return one row per place, in the curriculum's order."""
        return [
            {
                "question": row.question,
                "answer": row.answer,
                "info": {
                    "assay_id": row.assay_id,
                    "lesson": row.lesson,
                    "weight": row.weight,
                    "source": row.source,
                    "reason": row.reason,
                },
            }
            for row in rows
        ]

    def snippet(self, file: str) -> str:
        """Return the code with which an environment loads the file."""
        return (
            "import verifiers as vf\n"
            "from datasets import load_dataset\n"
            f'dataset = load_dataset("parquet", data_files="{file}", split="train")\n'
            "# vf.SingleTurnEnv(dataset=dataset, rubric=...)\n"
        )
