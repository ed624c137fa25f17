"""`train dpo`: direct preference optimization on the pairs that a method of synthesis made."""

from collections.abc import Callable, Sequence
from typing import Any

from assay.core.config import DpoConfig
from assay.core.training_rows import PairRow
from assay.pipelines.data.training_rows import read_pairs
from assay.pipelines.stages._offline import OfflineStage


class Dpo(OfflineStage):
    """Direct preference optimization on the pairs that a method of synthesis made; a killed training goes on."""

    name = "dpo"
    table = "pairs"

    @property
    def config(self) -> DpoConfig:
        """`[dpo]`."""
        return self.context.config.dpo

    @property
    def method(self) -> Callable[..., Any]:
        """`training.dpo.train_dpo`."""
        from assay.training.dpo import train_dpo

        return train_dpo

    def read_stored(self) -> Sequence[PairRow]:
        """Read the pairs of the synthesis."""
        return read_pairs(self.context, self.inputs, self.synthesis)
