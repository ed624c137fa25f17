"""`train sft`: supervised fine-tuning on the answers that a method of synthesis chose or made."""

from collections.abc import Callable
from typing import Any

from assay.core.offline_config import SftConfig
from assay.pipelines.stages._offline import OfflineStage


class Sft(OfflineStage):
    """Supervised fine-tuning on the answers that a method of synthesis chose or made; a killed training goes on."""

    name = "sft"
    table = "targets"

    @property
    def config(self) -> SftConfig:
        """`[sft]`."""
        return self.context.config.sft

    @property
    def method(self) -> Callable[..., Any]:
        """`training.sft.train_sft`."""
        from assay.training.sft import train_sft

        return train_sft
