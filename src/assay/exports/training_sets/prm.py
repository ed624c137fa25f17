"""`prm`: answers in steps with labels, TRL's stepwise supervision, for training process reward models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from assay.core.export_rows import Row
from assay.core.training_rows import StepsRow, TrainingSetSummary
from assay.exports.training_sets._card import training_set_card


@dataclass(frozen=True)
class Prm:
    """One row per answer: `prompt`, `completions` (its steps) and `labels` (whether each step is right).

    A step is right where more than `above` of the completions from behind it were right. 0 is the hard estimate of
    Math-Shepherd, arXiv:2312.08935: right if any was. `values` holds the shares themselves. An answer ends at the first
    step whose share was not measured.
    """

    table: ClassVar[str] = "step_labels"
    above: float = 0.0  # share in [0, 1)

    def __post_init__(self) -> None:
        if not 0 <= self.above < 1:
            raise ValueError(f"above must lie in [0, 1), found {self.above}")

    def left_out(self, row: StepsRow) -> str:
        """Return why an answer cannot be expressed; "" where it can."""
        return "no step was completed from" if not row.values or row.values[0] is None else ""

    def rows(self, rows: Sequence[StepsRow]) -> list[Row]:
        """Return one row per answer, in the order of their problems."""
        return [self._row(row) for row in rows]

    def snippet(self, file: str) -> str:
        """Return the code that loads the file."""
        return (
            "from datasets import load_dataset\n"
            f'train = load_dataset("parquet", data_files="{file}", split="train")\n'
            "# prompt: text; completions: steps; labels: booleans (TRL's stepwise supervision)\n"
        )

    def card(self, rows: Sequence[StepsRow], left_out: Mapping[str, int], summary: TrainingSetSummary) -> str:
        """Return the text of the dataset card; `left_out` counts rows by the reason why they were not written."""
        return training_set_card(rows, left_out, summary, table=self.table)

    def _row(self, row: StepsRow) -> Row:
        n_valued = next((place for place, value in enumerate(row.values) if value is None), len(row.values))
        values = [value for value in row.values[:n_valued] if value is not None]
        return {
            "prompt": "\n\n".join(turn["content"] for turn in row.prompt),
            "completions": list(row.steps[:n_valued]),
            "labels": [value > self.above for value in values],
            "values": values,
            "assay_id": row.problem_id,
            "steps_id": row.id,
            "method": row.method,
            "correct": row.correct,
        }
