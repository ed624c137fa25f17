"""`hub`: a folder for the Hugging Face hub, with Parquet files and a dataset card.

The card says what was measured, by which model and verifiers, and what was left out.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar

from assay.core.export_rows import DatasetSummary, ExportRow, Row

TAGS = ("reinforcement-learning", "rlvr", "verifiable-rewards")
FIELDS = {"math": "math", "numeric": "math", "code": "code"}  # tags by verifier


@dataclass(frozen=True)
class Hub:
    """One row per place of the curriculum, with every field, and a card with counts, difficulty, drops and licences."""

    licence: str = "other"  # of the whole dataset, as the hub spells it
    licence_name: str = ""  # of a licence that the hub does not know, where `licence` is other
    licence_link: str = ""  # where its text stands
    languages: tuple[str, ...] = ()  # codes such as en; () = the card names none
    tags: tuple[str, ...] = ()  # besides reinforcement-learning, rlvr, verifiable-rewards and the verifiers' fields

    inner_folder: ClassVar[str] = "data"

    row_wise: ClassVar[bool] = True

    def rows(self, rows: Sequence[ExportRow]) -> list[Row]:
        """Return one row per place, in the curriculum's order."""
        return [{**asdict(row), "prompt": list(row.prompt), "messages": list(row.messages)} for row in rows]

    def snippet(self, file: str) -> str:
        """Return the code with which the library `datasets` reads the folder."""
        folder = file.rsplit("/data/", 1)[0]
        upload = f"# to publish it: hf upload OWNER/NAME {folder} --repo-type dataset --private\n"
        return f'from datasets import load_dataset\n\ndata = load_dataset("{folder}")\n{upload}'

    def card(self, rows: Sequence[ExportRow], filtered: Sequence[ExportRow], summary: DatasetSummary) -> str:
        """Return the text of README.md: front matter with the splits, and tables of counts.

        Args:
            rows: the curriculum's rows, in order.
            filtered: rows of problems that were left out, for the split `filtered`; empty = no such split.
            summary: name, model, verifiers, histogram, drops and licences of the whole dataset.
        """
        sources = Counter({row.assay_id: row.source for row in rows}.values())
        problems = len({row.assay_id for row in rows})
        return "\n".join(
            [
                *self._front_matter(rows, bool(filtered), problems, summary),
                f"\n# {summary.name}\n",
                f"{problems} problems in {len(rows)} places of a curriculum, in order; {len(filtered)} filtered rows.",
                f"Difficulty for {summary.policy} (revision `{summary.revision}`), "
                f"judged by {', '.join(summary.verifiers) or 'nobody'}, from {summary.attempts} attempts of "
                f"{summary.tokens} tokens together.",
                f"Decontaminated against {', '.join(summary.benchmarks) or 'no benchmark'}.",
                *_table(
                    "Sources",
                    ("source", "problems", "licence"),
                    [(name, n, summary.licences.get(name) or "unknown") for name, n in sources.items()],
                ),
                *_table(
                    "How the model was asked",
                    ("setting", "value"),
                    [(k, _code(v)) for k, v in summary.sampling.items()],
                ),
                *_table("Share solved", ("share", "problems"), list(summary.histogram.items())),
                *_table("Left out", ("stage", "reason", "rows"), list(summary.drops)),
            ]
        )

    def _front_matter(
        self, rows: Sequence[ExportRow], has_filtered: bool, problems: int, summary: DatasetSummary
    ) -> list[str]:
        """Return the metadata that the hub reads, as YAML; every text is quoted as JSON, which YAML takes."""
        files = [("train", "data/train.parquet"), *([("filtered", "data/filtered.parquet")] if has_filtered else [])]
        fields = sorted({FIELDS[row.verifier] for row in rows if row.verifier in FIELDS})
        lists = {
            "language": self.languages,
            "tags": (*TAGS, *fields, *self.tags),
            "task_categories": ("text-generation",),
            "size_categories": (_size_category(problems),),
        }
        texts = {"license_name": self.licence_name, "license_link": self.licence_link, "pretty_name": summary.name}
        return [
            f"---\nlicense: {summary.licence or self.licence}",
            *(f"{name}: {json.dumps(text)}" for name, text in texts.items() if text),
            *(f"{name}: {json.dumps(list(values))}" for name, values in lists.items() if values),
            "configs:\n- config_name: default\n  data_files:",
            *(f"  - split: {split}\n    path: {path}" for split, path in files),
            "---",
        ]


def _size_category(problems: int) -> str:
    """Return the hub's word for a number of rows."""
    steps = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
    return next((word for limit, word in steps if problems < limit), "1M<n<10M")


def _code(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False).replace("|", "\\|")
    return f"`{text}`"


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    lines = ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return [f"\n## {title}\n", "| " + " | ".join(columns) + " |", "|" + "---|" * len(columns), *lines]
