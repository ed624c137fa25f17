"""Kahneman-Tversky optimization on stored answers that are desirable or not, on TRL's KTOTrainer."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from assay.core.errors import ConfigError
from assay.core.training_rows import Encoded, TargetRow
from assay.training.offline.arguments import kto_arguments
from assay.training.offline.encode import RowEncoder
from assay.training.offline.run import train_rows
from assay.training.offline.settings import OfflineSettings


@dataclass(frozen=True, slots=True)
class KtoMethod:
    """Raise desirable and lower undesirable answers, each by itself; the reference is the policy as it begins.

    With r = log p of an answer under the policy minus that under the reference, the loss of a desirable answer is
    1 - s(beta (r - z)) and of an undesirable one 1 - s(beta (z - r)). z is the mean r of answers to other prompts of the
    same forward pass, at least 0, and carries no gradient. "apo_zero_unpaired" has z = 0.

    Source: arXiv:2402.01306, eq. 7; arXiv:2408.06266.
    """

    name: ClassVar[str] = "kto"
    losses: ClassVar[tuple[str, ...]] = ("kto", "apo_zero_unpaired")

    def check(self, rows: Sequence[TargetRow], settings: OfflineSettings) -> None:
        """Refuse rows of one side alone, masked answers, and forward passes of one row, which give no KL.

        Raises:
            ConfigError: any of these.
        """
        desirable = sum(row.desirable for row in rows)
        if desirable in (0, len(rows)):
            only = "desirable" if desirable else "answers to avoid"
            raise ConfigError(
                f"all {len(rows)} targets are {only}, and KTO needs both: synthesis by `unpaired` has both"
            )
        masked = [row.id for row in rows if row.masked]
        if masked:
            raise ConfigError(f"{len(masked)} of {len(rows)} targets mask a part of their answer, first {masked[0]}")
        if settings.loss == "kto" and settings.rows < 2:
            raise ConfigError("loss 'kto' compares the rows of a forward pass, and micro_batch is 1: set 2 or more")

    def encode(self, encoder: RowEncoder, row: TargetRow) -> Encoded:
        """Turn a target into `prompt_ids`, `completion_ids` and `label`."""
        return encoder.judged(row)

    def build(self, rows: Sequence[Encoded], *, pad_id: int) -> tuple[type, dict[str, Any]]:
        """Return the trainer's class and its collator."""
        from assay.training.offline.trainers import KtoRowsTrainer, judged_collator

        return KtoRowsTrainer, {"data_collator": judged_collator(pad_id)}

    def arguments(self, settings: OfflineSettings, folder: Path, accumulation: int) -> Any:
        """Build TRL's KTOConfig."""
        return kto_arguments(settings, folder, accumulation)


def train_kto(rows: Sequence[TargetRow], **options: Any) -> Any:
    """Train a policy on desirable and undesirable answers; arguments and result as of `offline.run.train_rows`."""
    return train_rows(KtoMethod(), rows, **options)
