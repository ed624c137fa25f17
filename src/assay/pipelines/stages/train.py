"""Stage 8: GRPO on the curriculum in its order; every rollout of training is stored in the lake."""

import time
from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from assay.core.config import Config, TrainConfig, teacher_settings
from assay.core.errors import ConfigError, EmptyResultError
from assay.core.identity import canonical_json, content_id
from assay.core.parts import build_part
from assay.core.ports import AdaptiveCurriculum, OnlineCurriculum
from assay.core.setting_names import first_table
from assay.core.types import Curriculum, Policy, Rollout, Verdict
from assay.curricula.online.quotas import begin_curriculum
from assay.engines.models import registry
from assay.pipelines.context.results import Remaining, StageKey, StageResult, StageResults
from assay.pipelines.context.run import RunContext, parse_json
from assay.pipelines.context.stage import Stage
from assay.pipelines.data.demonstrations import Demonstrations
from assay.pipelines.data.pictures import refuse_pictures
from assay.pipelines.data.pool import queries_of, scored_pool
from assay.pipelines.data.problems import read_cleaned_problems, read_side
from assay.pipelines.sampling.attempt_rows import attempt_tables
from assay.pipelines.stages.order import curriculum_needs, stored_curriculum
from assay.training.checkpoints.resume import COMPLETE_FILE
from assay.training.held_out.attempts import HeldOutSet
from assay.training.teacher.settings import TeacherSettings
from assay.training.teacher.teacher import Teacher
from assay.training.trainer.run import rank_and_world_size
from assay.training.trainer.settings import LATER_SETTINGS, TrainingSettings

# Settings that do not change what is learnt.
ELSEWHERE = {
    "output",
    "save_every",
    "keep_state",
    "eval_every",
    "eval_samples",
    "eval_problems",
    "report_to",
    "vllm_url",
}
FLUSH_S = 5.0  # the longest that rollouts of a step wait for their commit, unless the next step takes longer
STORED = """
SELECT policy FROM (SELECT policy FROM rollouts UNION SELECT policy FROM train_metrics)
WHERE policy IN (SELECT unnest(?::VARCHAR[]))
"""
# Settings of schedules that are stretched over all steps, with the values at which they are none.
SPAN_ALL_STEPS = {"final_lr_fraction": 1.0, "kl_schedule": "constant", "ema_alpha": 0.0}
OF_SAMPLER = {"max_tokens", "temperature", "top_p"}


class Train(Stage):
    """Train the policy on the curriculum in its order; a killed training continues from its last saved state."""

    name = "train"
    pays = True
    rows_query = "SELECT * FROM train_metrics WHERE training = ? ORDER BY step, name"

    @cached_property
    def curriculum(self) -> Curriculum:
        """The curriculum, as the lake holds it."""
        return stored_curriculum(self.context, self.inputs.rows_of("order"), self.inputs.rows_of("select"))

    @cached_property
    def teacher(self) -> Teacher | None:
        """The config's teacher; None where it names none."""
        return build_teacher(self.context)

    def compute_key(self) -> StageKey:
        """Hash curriculum, policy, sampler, teacher, and every setting that changes what is learnt."""
        context, config = self.context, self.context.config.train
        unhashed = ELSEWHERE - ({"save_every"} if config.ema_alpha else set()) | default_fields(config)
        how = (
            first_train_table(context.config, unhashed),
            context.config.train_sampler.id,
            base_policy(context).revision,
        )
        helper = self.teacher and self.teacher.id
        quotas = [sorted(context.config.order.quotas.items())] if context.config.order.quotas else []
        rows = self.inputs.rows_of("order")
        return StageKey.of(content_id("train", rows, *how, helper, *context.read_otherwise, *quotas))

    def with_steps(self, steps: int) -> "Train":
        """Return the stage of the same training with another number of steps."""
        config = self.context.config
        other = config.model_copy(update={"train": config.train.model_copy(update={"steps": steps})})
        return Train(self.context.beside(other), self.inputs)

    def shorter_state(self) -> Path | None:
        """Return the last state of the longest finished training that differs from this one in having fewer steps.

        Where a schedule depends on the number of steps (`SPAN_ALL_STEPS`), a longer training is another one from its
        first step on, and goes on from none.
        """
        config = self.context.config.train
        if any(getattr(config, name) != default for name, default in SPAN_ALL_STEPS.items()):
            return None
        rows = self.context.lake.rows("SELECT key, detail FROM stages WHERE stage = 'train'")
        steps_by_key = {row["key"]: int(parse_json(row["detail"]).get("steps", 0)) for row in rows}
        for steps in sorted({steps for steps in steps_by_key.values() if 0 < steps < config.steps}, reverse=True):
            key = self.with_steps(steps).key
            if steps_by_key.get(str(key)) == steps:
                states = output_folder(self.context, key.rows).glob(f".run-*/checkpoint-{steps}")
                if state := next((path for path in states if (path / COMPLETE_FILE).is_file()), None):
                    return state
        return None

    def remaining(self) -> Remaining:
        """Count the steps and rollouts of the whole training."""
        config = self.context.config.train
        rollouts = config.steps * config.problems_per_step * config.group_size
        return Remaining(steps=config.steps, rollouts=rollouts, rows_in=len(self.curriculum.order))

    def run(self) -> StageResult:
        """Train, and store rollouts and measurements as they come."""
        return _train(self.context, self.inputs, self.key, self.curriculum, self.teacher, self.shorter_state())

    @classmethod
    def preflight(cls, context: RunContext) -> None:
        """Find before training that there is no folder for a checkpoint, or that the weights are not there."""
        output_folder(context, "KEY")
        if context.config.train.model:
            base_policy(context)


def first_train_table(config: Config, left_out: set[str]) -> dict[str, Any]:
    """Return `[train]` as keys hash it: under its first names, and with what training does with truncated rollouts.

    Args:
        config: with `[train]` and `[policy]`.
        left_out: fields that keys do not hold.
    """
    table = config.train.model_dump(mode="json", exclude=left_out | {"truncated"})
    return first_table("train", table) | {"mask_truncated": config.ignores_truncated}


def default_fields(config: TrainConfig) -> set[str]:
    """Return the fields that keys leave out, since they came later and are at their default."""
    default = TrainConfig()
    return {name for name in ("model", *LATER_SETTINGS) if getattr(config, name) == getattr(default, name)}


def base_policy(context: RunContext) -> Policy:
    """Return the policy that training starts from: the weights of `train.model`, else the policy that was scored.

    Raises:
        ConfigError: there are no such weights.
    """
    return registry.identify_policy(model) if (model := context.config.train.model) else context.policy


def base_checkpoint(context: RunContext) -> Path:
    """Return the folder of the weights that training starts from.

    Raises:
        ConfigError: the policy runs on a server and the config names no weights, or they are not there.
    """
    config = context.config
    if config.train.model:
        return registry.find_checkpoint(config.train.model)
    if hasattr(type(context.engine), "identity"):
        raise ConfigError(
            f"policy {config.policy.model!r} runs on a server; name its weights in train.model: "
            "a folder, a hub id or a name in the catalogue"
        )
    return registry.find_checkpoint(config.policy.model, config.policy.revision)


def build_teacher(context: RunContext) -> Teacher | None:
    """Build the config's teacher, without loading its model; None where the config names none.

    Raises:
        ConfigError: an unknown engine or setting, or a model that is not there.
    """
    config = context.config.train.teacher
    if not config.engine:
        return None
    return Teacher(build_part("engine", config.engine, teacher_settings(context.config)), config.max_tokens)


def held_out_set(context: RunContext, inputs: StageResults) -> HeldOutSet:
    """Read the held-out problems that training is evaluated on, with their labels.

    Raises:
        ConfigError: no problem is held out.
    """
    problems, labels = read_side(context, inputs, "held_out")
    ids = sorted(problems)[: context.config.train.eval_problems]
    if not ids:
        raise ConfigError("there are no held-out problems to evaluate on: set split.held_out above 0")
    return HeldOutSet(
        {id_: problems[id_] for id_ in ids}, {id_: labels[id_] for id_ in ids}, context.config.train.eval_samples
    )


def training_settings(plan: Config) -> TrainingSettings:
    """Convert a config's `[train]` to the settings of the trainer."""
    config = plan.train
    fields = config.model_dump(
        exclude={
            "truncated",
            "output",
            "model",
            "keep_state",
            "teacher",
            "reward",
            "demonstrations",
            "gold_template",
            "eval_samples",
            "eval_problems",
            *OF_SAMPLER,
        }
    )
    help_fields = set(type(config.teacher).model_fields) - {"engine", "model"}
    helping = config.teacher.model_dump(include=help_fields)
    return TrainingSettings(
        **fields,
        mask_truncated=plan.ignores_truncated,
        reward=config.reward.terms,
        teacher_settings=TeacherSettings(**helping) if config.teacher.engine else None,
    )


def begin_online_curriculum(
    context: RunContext, inputs: StageResults, curriculum: Curriculum
) -> OnlineCurriculum | None:
    """Start the config's online curriculum over the ordered problems; None where the curriculum is a fixed order."""
    part = build_part("curriculum", context.config.order.curriculum, context.config.order.settings)
    if not isinstance(part, AdaptiveCurriculum):
        return None
    config = context.config.order
    needs = curriculum_needs(part, config)
    pool, lacking = scored_pool(context, inputs, needs, sorted(set(curriculum.order)), queries_of(part))
    if lacking:
        context.reporter.warn(
            f"{len(lacking)} ordered problems have no value for what {context.config.order.curriculum!r} needs "
            "and are not trained on"
        )
    return begin_curriculum(part, pool, config.quotas, seed=config.seed)


def output_folder(context: RunContext, key: str) -> Path:
    """Return the folder of the checkpoint: the one that the config names, else one inside the lake's.

    Raises:
        ConfigError: the lake is a bucket, which holds no checkpoints, and the config names no folder.
    """
    if context.config.train.output:
        return Path(context.config.train.output).expanduser()
    if context.lake.storage.remote:
        raise ConfigError(
            f"{context.lake.place} is a bucket, which cannot hold checkpoints: name a folder in train.output"
        )
    return context.lake.root / "checkpoints" / key


def count_steps_done(context: RunContext, key: str) -> int:
    """Return the steps in the state from which this training would continue; 0 = there is no state."""
    from assay.training.checkpoints.resume import latest_state

    return max((latest_state(states)[1].step for states in output_folder(context, key).glob(".run-*")), default=0)


class LakeSink:
    """Stores rollouts and measurements of training (`core.ports.RolloutSink`), with a commit every `FLUSH_S` at most.

    A commit takes as long as a step of a small model. A killed process loses what was waiting; those steps come after
    the last saved state and are done again.
    """

    def __init__(self, context: RunContext, key: str) -> None:
        self.context, self.key = context, key
        self.rollouts = 0
        self._pairs: list[tuple[Rollout, Verdict]] = []
        self._rows: list[dict[str, object]] = []
        self._since = time.monotonic()

    def write(self, rollouts: Sequence[Rollout], verdicts: Sequence[Verdict]) -> None:
        """Add one step's rollouts and verdicts."""
        self._pairs += zip(rollouts, verdicts, strict=True)
        self._flush_in_time()
        self.context.meter.tokens += sum(rollout.tokens for rollout in rollouts)
        self.context.meter.samples += len(rollouts)
        self.rollouts += len(rollouts)

    def log(self, policy: str, step: int, values: Mapping[str, float]) -> None:
        """Add one step's measurements."""
        fixed = {"training": self.key, "step": step, "policy": policy}
        rows = [
            {**fixed, "id": content_id("log", self.key, policy, step, name), "name": name, "value": float(value)}
            for name, value in sorted(values.items())
        ]
        self._rows += rows
        self._flush_in_time()

    def flush(self) -> None:
        """Commit all that waits at once.

        No row of it can be in the lake already, since each attempt at a training has policy revisions of its own.
        """
        pairs, rows, self._since = self._pairs, self._rows, time.monotonic()
        self._pairs, self._rows = [], []
        tables = attempt_tables(self.context, [rollout for rollout, _ in pairs], [verdict for _, verdict in pairs])
        self.context.lake.append(
            {**tables, "train_metrics": rows}, run=self.context.run, known=(*tables, "train_metrics")
        )

    def _flush_in_time(self) -> None:
        if time.monotonic() - self._since > FLUSH_S:
            self.flush()

    def stored(self, policies: Sequence[str]) -> set[str]:
        """Return those of the policy revisions of which the lake holds rollouts or measurements."""
        return {row["policy"] for row in self.context.lake.rows(STORED, [list(policies)])}

    def supersede(self, policies: Sequence[str]) -> None:
        """Mark the rollouts of these policy revisions as superseded: they stay, and count no more."""
        rows = [{"id": content_id("superseded", policy), "policy": policy, "training": self.key} for policy in policies]
        self.context.lake.append({"superseded": rows}, run=self.context.run)


def warn_of_deviation(context: RunContext) -> None:
    """Warn of every field of the sampler in which training differs from scoring, with both values."""
    scored, trained = asdict(context.config.policy.sampler), asdict(context.config.train_sampler)
    for name, value in scored.items():
        if trained[name] != value:
            context.reporter.warn(
                f"{name}: scored under {value!r}, trained under {trained[name]!r}; "
                "pass rates measured under another value are not comparable"
            )


def _warn_of_weights(context: RunContext, curriculum: Curriculum) -> None:
    """Warn where a selection weighs its problems and training does not."""
    if (weights := curriculum.weights.values()) and context.config.train.weights == "ignore":
        context.reporter.warn(
            f"the selection gives {len(weights)} problems weights from {min(weights):.2f} to {max(weights):.2f}, but "
            'training ignores them; train.weights = "loss" or "sampling" uses them'
        )


def _train(
    context: RunContext,
    inputs: StageResults,
    key: StageKey,
    curriculum: Curriculum,
    helper: Teacher | None,
    begin_at: Path | None,
) -> StageResult:
    from assay.training.grpo import TrainingResult, train

    began, config, sampler = time.monotonic(), context.config.train, context.config.train_sampler
    if not curriculum.order:
        raise EmptyResultError(
            "the curriculum is empty, so there is nothing to train on; `curate status CONFIG` shows why"
        )
    warn_of_deviation(context)
    _warn_of_weights(context, curriculum)
    context.lake.append(
        {"sampling_configs": [{"id": sampler.id, "settings": canonical_json(asdict(sampler))}]}, run=context.run
    )
    problems, labels = read_cleaned_problems(context, inputs)
    refuse_pictures((problems[id_] for id_ in dict.fromkeys(curriculum.order)), "this trainer")
    sink = LakeSink(context, key.rows)

    def finish(trained: TrainingResult) -> StageResult:
        detail = {
            "checkpoint": str(trained.checkpoint),
            "rollouts": sink.rollouts * rank_and_world_size()[1],
            "steps": config.steps,
        }
        outcome = StageResult("train", key, len(curriculum.order), sink.rollouts, detail, time.monotonic() - began)
        if rank_and_world_size()[0]:  # of several processes the first one writes the line in the ledger
            return outcome
        return context.finish(outcome)

    with closing(helper.engine) if helper else nullcontext():
        return train(
            curriculum,
            problems,
            labels,
            checkpoint=base_checkpoint(context),
            base=base_policy(context),
            sampler=sampler,
            judge=context.judge,
            sink=sink,
            settings=training_settings(context.config),
            output=output_folder(context, key.rows),
            reporter=context.reporter,
            held_out=held_out_set(context, inputs) if config.eval_every else None,
            teacher=helper,
            demonstrations=Demonstrations(context, problems, labels),
            online=begin_online_curriculum(context, inputs, curriculum),
            mode=context.mode,
            stop=lambda: context.stop() or bool(context.limit_reached()),
            on_saved=finish,
            begin_at=begin_at,
            keep_state=config.keep_state,
        )
