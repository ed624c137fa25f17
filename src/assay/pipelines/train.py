"""Stage 8: GRPO on the curriculum in its order; every rollout that training makes flows back into the lake."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from assay.core.errors import PlanError
from assay.core.identity import canonical, content_id
from assay.core.types import Curriculum, Rollout, Verdict
from assay.pipelines.arrange import stored_curriculum
from assay.pipelines.attempts import commit
from assay.pipelines.job import Job, Outcome, Work
from assay.pipelines.pool import cleaned


def work(job: Job) -> Work:
    """The plan's training on its curriculum."""
    arranged, plan = job.key_of("arrange", "train"), job.plan.train
    settings = plan.model_dump(mode="json", exclude={"output"})
    key = content_id("train", arranged, settings, job.plan.train_sampler.id, job.engine.policy.revision)
    curriculum = stored_curriculum(job, arranged)
    left = {"steps": plan.steps, "rollouts": plan.steps * plan.groups * plan.group_size}
    return Work("train", key, len(curriculum.order), left, lambda: _train(job, key, curriculum))


def output_folder(job: Job, key: str) -> Path:
    """Where the checkpoint goes: the folder that the plan names, else one in the lake's.

    Raises:
        PlanError: the lake is a bucket, which holds no checkpoints, and the plan names no folder.
    """
    if job.plan.train.output:
        return Path(job.plan.train.output).expanduser()
    if job.lake.storage.remote:
        raise PlanError(f"{job.lake.place} is a bucket and holds no checkpoints: name a folder in train.output")
    return job.lake.root / "checkpoints" / key


class LakeSink:
    """Writes training's rollouts and measurements as they come (`core.ports.RolloutSink`)."""

    def __init__(self, job: Job, key: str) -> None:
        self.job, self.key = job, key
        self.rollouts = 0

    def write(self, rollouts: Sequence[Rollout], verdicts: Sequence[Verdict]) -> None:
        """One step's rollouts, texts and verdicts, all or none; those already stored are left as they are."""
        stored = self.job.lake.ids("rollouts", [rollout.id for rollout in rollouts])
        fresh = [pair for pair in zip(rollouts, verdicts, strict=True) if pair[0].id not in stored]
        commit(self.job, [rollout for rollout, _ in fresh], [verdict for _, verdict in fresh])
        self.job.meter.tokens += sum(rollout.tokens for rollout in rollouts)
        self.job.meter.samples += len(rollouts)
        self.rollouts += len(rollouts)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """One step's measurements."""
        rows = [
            {"id": content_id("log", self.key, step, name), "training": self.key, "step": step, "name": name, "value": float(value)}
            for name, value in sorted(values.items())
        ]
        self.job.lake.append({"train_log": rows}, run=self.job.run)


def warn_of_deviation(job: Job) -> None:
    """Prints both values of every sampler field in which training differs from scoring."""
    scored, trained = asdict(job.plan.policy.sampler), asdict(job.plan.train_sampler)
    for name, value in scored.items():
        if trained[name] != value:
            job.narrator.warn(
                f"{name}: scored under {value!r}, trained under {trained[name]!r}; a pass rate measured under another value is another quantity"
            )


def _train(job: Job, key: str, curriculum: Curriculum) -> Outcome:
    from assay.engines import _models
    from assay.training.grpo import Settings, train

    began, plan, sampler = time.monotonic(), job.plan.train, job.plan.train_sampler
    if not curriculum.order:
        raise PlanError("the curriculum is empty: nothing to train on; look at `curate status PLAN` for why")
    warn_of_deviation(job)
    job.lake.append({"samplers": [{"id": sampler.id, "settings": canonical(asdict(sampler))}]}, run=job.run)
    problems, labels = cleaned(job)
    sink = LakeSink(job, key)
    trained = train(
        curriculum,
        problems,
        labels,
        checkpoint=_models.checkpoint(job.plan.policy.model, job.plan.policy.revision),
        base=job.engine.policy,
        sampler=sampler,
        judge=job.judge,
        sink=sink,
        settings=Settings(**plan.model_dump(exclude={"output", "max_tokens", "temperature", "top_p"})),
        output=output_folder(job, key),
        narrator=job.narrator,
    )
    detail = {"checkpoint": str(trained.checkpoint), "rollouts": sink.rollouts, "steps": plan.steps}
    return job.finish(Outcome("train", key, len(curriculum.order), sink.rollouts, detail, time.monotonic() - began))
