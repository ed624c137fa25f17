"""Supervised fine-tuning on stored answers, on TRL's SFTTrainer: the loss is on the answer, never on its prompt."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from assay.core.errors import ConfigError
from assay.core.training_rows import Encoded, TargetRow
from assay.training.offline.arguments import sft_arguments
from assay.training.offline.encode import RowEncoder
from assay.training.offline.run import train_rows
from assay.training.offline.settings import OfflineSettings


@dataclass(frozen=True, slots=True)
class SftMethod:
    """Imitate answers: mean of -log p over the trained tokens of a step ("nll"), or of -p log p ("dft").

    "dft" is Dynamic Fine-Tuning, arXiv:2508.05629: the factor p carries no gradient.
    """

    name: ClassVar[str] = "sft"
    losses: ClassVar[tuple[str, ...]] = ("nll", "dft")

    def check(self, rows: Sequence[TargetRow], settings: OfflineSettings) -> None:
        """Refuse weights that are no weights.

        Raises:
            ConfigError: a weight below 0, or all weights 0.
        """
        negative = [row.id for row in rows if row.weight < 0]
        if negative:
            raise ConfigError(f"{len(negative)} of {len(rows)} targets have a weight below 0, first {negative[0]}")
        if not any(row.weight for row in rows):
            raise ConfigError(f"all {len(rows)} targets have weight 0, so there is nothing to train on")

    def encode(self, encoder: RowEncoder, row: TargetRow) -> Encoded:
        """Turn a target into `input_ids`, `labels` and `weight`."""
        return encoder.target(row)

    def build(self, rows: Sequence[Encoded], *, pad_id: int) -> tuple[type, dict[str, Any]]:
        """Return the trainer's class and its collator."""
        from assay.training.offline.trainers import SftRowsTrainer, target_collator

        weighted = any(row["weight"] != 1 for row in rows)
        return SftRowsTrainer, {"data_collator": target_collator(pad_id, weighted=weighted)}

    def arguments(self, settings: OfflineSettings, folder: Path, accumulation: int) -> Any:
        """Build TRL's SFTConfig."""
        return sft_arguments(settings, folder, accumulation)


def train_sft(rows: Sequence[TargetRow], **options: Any) -> Any:
    """Train a policy to give stored answers; arguments and result as of `offline.run.train_rows`."""
    return train_rows(SftMethod(), rows, **options)
