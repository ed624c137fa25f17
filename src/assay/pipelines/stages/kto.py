"""`train kto`: Kahneman-Tversky optimization on the right and wrong answers that a method of synthesis kept."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from assay.core.offline_config import KtoConfig
from assay.pipelines.stages._offline import OfflineStage
from assay.pipelines.stages.stored_synthesis import imitated_rows
from assay.training.offline.settings import OfflineSettings


class Kto(OfflineStage):
    """Kahneman-Tversky optimization on right and wrong answers that need no partner; a killed training goes on."""

    name = "kto"
    table = "targets"
    avoided = True

    @property
    def config(self) -> KtoConfig:
        """`[kto]`."""
        return self.context.config.kto

    @property
    def method(self) -> Callable[..., Any]:
        """`training.kto.train_kto`."""
        from assay.training.kto import train_kto

        return train_kto

    def settings(self) -> OfflineSettings:
        """Convert the config's tables to the trainer's settings; a weight that is left out balances both sides."""
        settings = super().settings()
        if self.config.undesirable_weight is not None:
            return settings
        desirable = len(imitated_rows(self.rows))
        balance = settings.desirable_weight * desirable / max(len(self.rows) - desirable, 1)
        self.context.reporter.say(
            f"kto: {desirable} desirable answers, {len(self.rows) - desirable} to avoid, whose losses are multiplied by {balance:.3g}"
        )
        return replace(settings, undesirable_weight=balance)
