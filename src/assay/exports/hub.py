"""`hub`: a folder for the Hugging Face hub, with Parquet files and a dataset card.

The card says what was measured, by which model and verifiers, and what was left out.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar

from assay.core.export_rows import DatasetSummary, ExportRow, Row


@dataclass(frozen=True)
class Hub:
    """One row per place of the curriculum, with every field, and a card with counts, difficulty, drops and licences."""

    licence: str = "other"  # of the whole dataset, as the hub spells it

    inner_folder: ClassVar[str] = "data"

    def rows(self, rows: Sequence[ExportRow]) -> list[Row]:
        """Return one row per place, in the curriculum's order."""
        return [{**asdict(row), "prompt": list(row.prompt), "messages": list(row.messages)} for row in rows]

    def snippet(self, file: str) -> str:
        """Return the code with which the library `datasets` reads the folder."""
        return f'from datasets import load_dataset\n\ndata = load_dataset("{file.rsplit("/data/", 1)[0]}")\n'

    def card(self, rows: Sequence[ExportRow], filtered: Sequence[ExportRow], summary: DatasetSummary) -> str:
        """Return the text of README.md: front matter with the splits, and tables of counts.

        Args:
            rows: the curriculum's rows, in order.
            filtered: rows of problems that were left out, for the split `filtered`; empty = no such split.
            summary: name, model, verifiers, histogram, drops and licences of the whole dataset.
        """
        files = [("train", "data/train.parquet"), *([("filtered", "data/filtered.parquet")] if filtered else [])]
        front = "\n".join(f"  - split: {split}\n    path: {path}" for split, path in files)
        sources = Counter({row.assay_id: row.source for row in rows}.values())
        return "\n".join(
            [
                f"---\nlicense: {self.licence}\nconfigs:\n- config_name: default\n  data_files:\n{front}\n---",
                f"\n# {summary.name}\n",
                f"{len({row.assay_id for row in rows})} problems in {len(rows)} places of a curriculum, in order; "
                f"{len(filtered)} filtered rows.",
                f"Difficulty for {summary.policy} (revision `{summary.revision}`), "
                f"judged by {', '.join(summary.verifiers) or 'nobody'}.",
                *_table(
                    "Sources",
                    ("source", "problems", "licence"),
                    [(name, n, summary.licences.get(name) or "unknown") for name, n in sources.items()],
                ),
                *_table("Share solved", ("share", "problems"), list(summary.histogram.items())),
                *_table("Left out", ("stage", "reason", "rows"), list(summary.drops)),
            ]
        )


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    lines = ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return [f"\n## {title}\n", "| " + " | ".join(columns) + " |", "|" + "---|" * len(columns), *lines]
