"""What the stages `sft`, `dpo` and `kto` share: rows that synthesis stored become a checkpoint."""

import time
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import asdict
from functools import cached_property
from typing import ClassVar

from assay.core.errors import ConfigError
from assay.core.identity import canonical_json, content_id
from assay.core.offline_config import OfflineConfig
from assay.core.setting_names import first_names, first_table
from assay.core.training_rows import PairRow, TargetRow
from assay.pipelines.context.results import Remaining, StageKey, StageResult
from assay.pipelines.context.run import RunContext
from assay.pipelines.context.stage import Stage
from assay.pipelines.data.training_rows import Synthesis, read_rows
from assay.pipelines.stages.stored_synthesis import choose_learnt_rows, find_synthesis, imitated_rows
from assay.pipelines.stages.train import (
    LakeSink,
    Train,
    base_checkpoint,
    base_policy,
    held_out_set,
    output_folder,
)
from assay.training.offline.row_order import steps_of
from assay.training.offline.run import OfflineResult
from assay.training.offline.settings import OfflineSettings
from assay.training.trainer.run import rank_and_world_size

SHARED = ("ema_alpha", "lora_rank", "lora_alpha", "save_every", "eval_every", "report_to")  # settings of [train]
DECISIVE = ("ema_alpha", "lora_rank", "lora_alpha")  # those of them that change what is learnt
Row = TargetRow | PairRow


class OfflineStage(Stage):
    """Train on rows that synthesis stored; a killed training continues from its last saved state.

    Attributes:
        table: where the rows lie.
        avoided: whether answers to avoid are read too.
    """

    table: ClassVar[str]
    avoided: ClassVar[bool] = False
    rows_query = Train.rows_query
    pays = True

    @property
    @abstractmethod
    def config(self) -> OfflineConfig:
        """The config's table of this training."""

    @property
    @abstractmethod
    def method(self) -> Callable[..., StageResult]:
        """The training itself."""

    @cached_property
    def synthesis(self) -> Synthesis:
        """Whose rows are learnt."""
        return find_synthesis(self.context, self.inputs, self.table, self.config.method)

    @cached_property
    def rows(self) -> list[Row]:
        """The rows that are learnt: verified ones, unless the config wants all, and none below its confidence.

        Raises:
            ConfigError: none is left.
        """
        config, stored_rows = self.config, read_rows(self.context, self.inputs, self.synthesis)
        if not self.avoided:
            stored_rows = imitated_rows(stored_rows)
        learnt_rows = choose_learnt_rows(stored_rows, config)
        if not learnt_rows:
            unverified = sum(not row.verified for row in stored_rows)
            raise ConfigError(
                f"{self.name}: none of {len(stored_rows)} {self.table} of {self.synthesis.method} is left: "
                f"{unverified} are "
                f"not verified, the others are below min_confidence = {config.min_confidence}"
            )
        if len(learnt_rows) < len(stored_rows):
            self.context.reporter.say(
                f"{self.name}: {len(learnt_rows)} of {len(stored_rows)} {self.table} of {self.synthesis.method} are trained on; "
                "the "
                f"others are not verified or are below min_confidence = {config.min_confidence}"
            )
        return learnt_rows

    def compute_key(self) -> StageKey:
        """Hash the synthesis, the policy, how it is asked, and every setting that changes what is learnt."""
        context, train = self.context, self.context.config.train
        shared = first_names("train", "", {name: getattr(train, name) for name in DECISIVE})
        if train.ema_alpha:
            shared["save_every"] = train.save_every
        how = (context.config.train_sampler.id, base_policy(context).revision, *context.read_otherwise)
        settings = first_table(self.name, self.config.model_dump(mode="json", exclude={"method"}))
        return StageKey.of(content_id(self.name, self.synthesis.id, settings, shared, *how))

    def remaining(self) -> Remaining:
        """Count the steps; a few rows may turn out to be too long for the policy."""
        config = self.config
        steps = config.steps or steps_of(len(self.rows), config.epochs, config.rows_per_step)
        return Remaining(steps=steps, rows_in=len(self.rows))

    def run(self) -> StageResult:
        """Train, and store measurements and held-out attempts as they come."""
        began, context, train = time.monotonic(), self.context, self.context.config.train
        sampler, sink = context.config.train_sampler, LakeSink(context, self.key.rows)
        settings = {"id": sampler.id, "settings": canonical_json(asdict(sampler))}
        context.lake.append({"sampling_configs": [settings]}, run=context.run)

        def finish(trained: OfflineResult) -> StageResult:
            detail = {
                "checkpoint": str(trained.checkpoint),
                "rollouts": sink.rollouts,
                "steps": trained.steps,
                "rows": trained.rows,
                "tokens": trained.tokens,
                "method": self.synthesis.method,
                "synthesis": self.synthesis.id,
            }
            seconds = time.monotonic() - began
            result = StageResult(self.name, self.key, len(self.rows), trained.rows, detail, seconds)
            return result if rank_and_world_size()[0] else context.finish(result)

        return self.method(
            self.rows,
            checkpoint=base_checkpoint(context),
            base=base_policy(context),
            sampler=sampler,
            judge=context.judge,
            sink=sink,
            settings=self.settings(),
            output=output_folder(context, self.key.rows),
            reporter=context.reporter,
            held_out=held_out_set(context, self.inputs) if train.eval_every else None,
            mode=context.mode,
            stop=lambda: context.stop() or bool(context.limit_reached()),
            on_saved=finish,
        )

    def settings(self) -> OfflineSettings:
        """Convert the config's tables to the settings of the trainer."""
        left_out = {"method", "verified", "min_confidence"}
        own = self.config.model_dump(exclude=left_out, exclude_none=True)
        shared = {name: getattr(self.context.config.train, name) for name in SHARED}
        return OfflineSettings(**own, **shared)

    @classmethod
    def preflight(cls, context: RunContext) -> None:
        """Find before training that there is no folder for a checkpoint, and no weights in `train.model`."""
        Train.preflight(context)
