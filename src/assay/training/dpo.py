"""Direct preference optimization on stored pairs, on TRL's DPOTrainer; the reference is the policy as it begins."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from assay.core.errors import ConfigError
from assay.core.training_rows import Encoded, PairRow
from assay.training.offline.arguments import dpo_arguments
from assay.training.offline.encode import RowEncoder
from assay.training.offline.run import train_rows
from assay.training.offline.settings import OfflineSettings


@dataclass(frozen=True, slots=True)
class DpoMethod:
    """Prefer chosen answers: mean over pairs of -log s(m), m = beta x (log-ratio of chosen - log-ratio of rejected).

    A log-ratio is log p of the whole answer under the policy minus that under the reference. A pair with a soft label
    p below 1 gets -p log s(m) - (1 - p) log s(-m). Source: arXiv:2305.18290; soft labels as in MCTS-DPO,
    arXiv:2405.00451.
    """

    name: ClassVar[str] = "dpo"
    losses: ClassVar[tuple[str, ...]] = (
        "sigmoid",
        "sigmoid_norm",
        "hinge",
        "ipo",
        "nca_pair",
        "sppo_hard",
        "apo_zero",
        "apo_down",
    )

    def check(self, rows: Sequence[PairRow], settings: OfflineSettings) -> None:
        """Refuse pairs that prefer nothing.

        Raises:
            ConfigError: two equal answers, a soft label of 0.5 or less, or one below 1 with a loss that has none.
        """
        equal = [row.id for row in rows if row.chosen == row.rejected]
        if equal:
            raise ConfigError(f"{len(equal)} of {len(rows)} pairs prefer an answer to itself, first {equal[0]}")
        even = [row.id for row in rows if not 0.5 < row.soft_label <= 1]
        if even:
            raise ConfigError(
                f"{len(even)} of {len(rows)} pairs have a soft label outside (0.5, 1], so neither answer is preferred; "
                f"first {even[0]}"
            )
        if settings.loss != "sigmoid" and any(row.soft_label < 1 for row in rows):
            raise ConfigError(f"loss {settings.loss!r} cannot use soft labels, but some pairs have one")

    def encode(self, encoder: RowEncoder, row: PairRow) -> Encoded:
        """Turn a pair into `prompt_ids`, `chosen_ids`, `rejected_ids` and `soft_label`."""
        return encoder.pair(row)

    def build(self, rows: Sequence[Encoded], *, pad_id: int) -> tuple[type, dict[str, Any]]:
        """Return the trainer's class and its collator."""
        from assay.training.offline.trainers import DpoRowsTrainer, pair_collator

        soft = any(row["soft_label"] < 1 for row in rows)
        return DpoRowsTrainer, {"data_collator": pair_collator(pad_id, soft=soft)}

    def arguments(self, settings: OfflineSettings, folder: Path, accumulation: int) -> Any:
        """Build TRL's DPOConfig."""
        return dpo_arguments(settings, folder, accumulation)


def train_dpo(rows: Sequence[PairRow], **options: Any) -> Any:
    """Train a policy to prefer; arguments and result as of `offline.run.train_rows`."""
    return train_rows(DpoMethod(), rows, **options)
