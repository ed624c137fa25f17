"""`train dpo`: direct preference optimization on the pairs that a method of synthesis made."""

from collections.abc import Callable
from typing import Any

from assay.core.offline_config import DpoConfig
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
