"""A folder for the Hugging Face hub: Parquet and a dataset card that says what was measured, by whom, and what was left out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from assay.core.export_rows import DatasetSummary, ExportRow, Row


@dataclass(frozen=True)
class Hub:
    """One row a place of the curriculum, every field; the card holds counts, difficulty, model, verifiers, drops and licences."""

    licence: str = "other"  # of the whole, as the hub spells it

    def rows(self, chosen: Sequence[ExportRow]) -> list[Row]:
        """Rows in the curriculum's order."""
        return [{**asdict(c), "prompt": list(c.prompt)} for c in chosen]

    def snippet(self, file: str) -> str:
        """How datasets reads it."""
        return f'from datasets import load_dataset\n\ndata = load_dataset("{file.rsplit("/data/", 1)[0]}")\n'

    def card(self, chosen: Sequence[ExportRow], filtered: Sequence[ExportRow], told: DatasetSummary) -> str:
        """README.md: the front matter names the splits, the tables count."""
        files = [("train", "data/train.parquet"), *([("filtered", "data/filtered.parquet")] if filtered else [])]
        front = "\n".join(f"  - split: {split}\n    path: {path}" for split, path in files)
        sources = Counter({c.assay_id: c.source for c in chosen}.values())
        return "\n".join(
            [
                f"---\nlicense: {self.licence}\nconfigs:\n- config_name: default\n  data_files:\n{front}\n---",
                f"\n# {told.name}\n",
                f"{len({c.assay_id for c in chosen})} problems in {len(chosen)} places of a curriculum, in order; {len(filtered)} filtered rows.",
                f"Difficulty for {told.policy} (revision `{told.revision}`), judged by {', '.join(told.verifiers) or 'nobody'}.",
                *_table(
                    "Sources",
                    ("source", "problems", "licence"),
                    [(name, n, told.licences.get(name) or "unknown") for name, n in sources.items()],
                ),
                *_table("Share solved", ("share", "problems"), list(told.histogram.items())),
                *_table("Left out", ("stage", "reason", "rows"), list(told.drops)),
            ]
        )


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    lines = ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return [f"\n## {title}\n", "| " + " | ".join(columns) + " |", "|" + "---|" * len(columns), *lines]
