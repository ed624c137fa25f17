"""Stage 8: GRPO on the curriculum in its order; every rollout that training makes flows back into the lake."""

import time
from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict
from pathlib import Path

from assay.core.errors import PlanError
from assay.core.identity import canonical, content_id
from assay.core.parts import build
from assay.core.plan import TrainPlan, teacher_settings
from assay.core.ports import Course, Online
from assay.core.types import Curriculum, Rollout, Verdict
from assay.pipelines.arrange import stored_curriculum
from assay.pipelines.attempts import attempt_tables
from assay.pipelines.columns import scored_pool
from assay.pipelines.demonstrations import Demonstrations
from assay.pipelines.job import Job, Outcome, Work
from assay.pipelines.pool import cleaned, side
from assay.pipelines.score import current_scores
from assay.training.evaluate import HeldOut
from assay.training.guidance import Guidance
from assay.training.settings import Settings
from assay.training.teacher import Teacher

ELSEWHERE = {
    "output",
    "save_every",
    "eval_every",
    "eval_samples",
    "eval_problems",
    "report_to",
    "vllm_url",
}  # keys that decide nothing about what is learnt
FLUSH_S = 5.0  # the longest that a step's rollouts wait for their commit, unless the next step takes longer
OF_SAMPLER = {"max_tokens", "temperature", "top_p"}


def work(job: Job) -> Work:
    """The plan's training on its curriculum."""
    arranged, plan = job.key_of("arrange", "train"), job.plan.train
    settings = plan.model_dump(mode="json", exclude=ELSEWHERE - ({"save_every"} if plan.average else set()))
    helper = teacher(job)
    key = content_id("train", arranged, settings, job.plan.train_sampler.id, job.engine.policy.revision, helper and helper.id, *job.read_otherwise)
    curriculum = stored_curriculum(job, arranged)
    left = {"steps": plan.steps, "rollouts": plan.steps * plan.groups * plan.group_size}
    return Work("train", key, len(curriculum.order), left, lambda: _train(job, key, curriculum, helper))


def teacher(job: Job) -> Teacher | None:
    """The plan's teacher; building it loads no model.

    Raises:
        PlanError: an unknown engine or setting, or a model that is not there.
    """
    plan = job.plan.train.teacher
    if not plan.engine:
        return None
    return Teacher(build("engine", plan.engine, teacher_settings(job.plan)), plan.max_tokens)


def held_out(job: Job) -> HeldOut:
    """The held-out problems that are attempted.

    Raises:
        PlanError: none is held out.
    """
    problems, labels = side(job, "held_out")
    ids = sorted(problems)[: job.plan.train.eval_problems]
    if not ids:
        raise PlanError("nothing is held out to evaluate on: split.held_out is 0")
    return HeldOut({id_: problems[id_] for id_ in ids}, {id_: labels[id_] for id_ in ids}, job.plan.train.eval_samples)


def settings_of(plan: TrainPlan) -> Settings:
    """A plan's `[train]` as training reads it."""
    fields = plan.model_dump(exclude={"output", "teacher", "demonstrations", "demonstration", "eval_samples", "eval_problems", *OF_SAMPLER})
    guidance = plan.teacher.model_dump(include=set(Guidance.__slots__)) if plan.teacher.engine else None
    return Settings(**fields, guidance=Guidance(**guidance) if guidance else None)


def course(job: Job, curriculum: Curriculum) -> Course | None:
    """The plan's online curriculum at its first step, over the problems that its stage arranged; None for an order."""
    part = build("curriculum", job.plan.arrange.curriculum, job.plan.arrange.settings)
    if not isinstance(part, Online):
        return None
    scores = current_scores(job, job.key_of("score", "train").partition("+")[2])
    pool, lacking = scored_pool(job, scores, part.needs, sorted(set(curriculum.order)))
    if lacking:
        job.narrator.warn(f"{len(lacking)} arranged problems lack what {job.plan.arrange.curriculum!r} needs and are not trained on")
    return part.begin(pool, seed=job.plan.arrange.seed)


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


def unfinished(job: Job, key: str) -> int:
    """Steps of this training that the state to go on from holds; 0 = there is none."""
    from assay.training.resuming import latest

    return max((latest(states)[1].step for states in output_folder(job, key).glob(".run-*")), default=0)


class LakeSink:
    """Writes training's rollouts and measurements as they come (`core.ports.RolloutSink`), at most every `FLUSH_S`.

    A commit costs as much as a small model's step. A kill loses what waited; these steps lie behind the last state and are made again.
    """

    def __init__(self, job: Job, key: str) -> None:
        self.job, self.key = job, key
        self.rollouts = 0
        self._pairs: list[tuple[Rollout, Verdict]] = []
        self._rows: list[dict[str, object]] = []
        self._since = time.monotonic()

    def write(self, rollouts: Sequence[Rollout], verdicts: Sequence[Verdict]) -> None:
        """Takes one step's rollouts and verdicts."""
        self._pairs += zip(rollouts, verdicts, strict=True)
        self._flush_in_time()
        self.job.meter.tokens += sum(rollout.tokens for rollout in rollouts)
        self.job.meter.samples += len(rollouts)
        self.rollouts += len(rollouts)

    def log(self, policy: str, step: int, values: Mapping[str, float]) -> None:
        """One step's measurements."""
        fixed = {"training": self.key, "step": step, "policy": policy}
        rows = [
            {**fixed, "id": content_id("log", self.key, policy, step, name), "name": name, "value": float(value)}
            for name, value in sorted(values.items())
        ]
        self._rows += rows
        self._flush_in_time()

    def flush(self) -> None:
        """All that waits is in the lake, in one commit. Nothing of it can be there already: another attempt has other revisions."""
        pairs, rows, self._since = self._pairs, self._rows, time.monotonic()
        self._pairs, self._rows = [], []
        tables = attempt_tables(self.job, [rollout for rollout, _ in pairs], [verdict for _, verdict in pairs])
        self.job.lake.append({**tables, "train_log": rows}, run=self.job.run, known=(*tables, "train_log"))

    def _flush_in_time(self) -> None:
        if time.monotonic() - self._since > FLUSH_S:
            self.flush()

    def stored(self, policies: Sequence[str]) -> set[str]:
        """Those of the revisions of which the lake holds rollouts."""
        query = "SELECT DISTINCT policy FROM rollouts WHERE policy IN (SELECT unnest(?::VARCHAR[]))"
        return {row["policy"] for row in self.job.lake.rows(query, [list(policies)])}

    def supersede(self, policies: Sequence[str]) -> None:
        """Their rollouts stay and count no more."""
        rows = [{"id": content_id("superseded", policy), "policy": policy, "training": self.key} for policy in policies]
        self.job.lake.append({"superseded": rows}, run=self.job.run)


def warn_of_deviation(job: Job) -> None:
    """Prints both values of every sampler field in which training differs from scoring."""
    scored, trained = asdict(job.plan.policy.sampler), asdict(job.plan.train_sampler)
    for name, value in scored.items():
        if trained[name] != value:
            job.narrator.warn(
                f"{name}: scored under {value!r}, trained under {trained[name]!r}; a pass rate measured under another value is another quantity"
            )


def _train(job: Job, key: str, curriculum: Curriculum, helper: Teacher | None) -> Outcome:
    from assay.engines import _models
    from assay.training.grpo import Trained, processes, train

    began, plan, sampler = time.monotonic(), job.plan.train, job.plan.train_sampler
    if not curriculum.order:
        raise PlanError("the curriculum is empty: nothing to train on; look at `curate status PLAN` for why")
    warn_of_deviation(job)
    job.lake.append({"samplers": [{"id": sampler.id, "settings": canonical(asdict(sampler))}]}, run=job.run)
    problems, labels = cleaned(job)
    sink = LakeSink(job, key)

    def finish(trained: Trained) -> Outcome:
        detail = {"checkpoint": str(trained.checkpoint), "rollouts": sink.rollouts * processes()[1], "steps": plan.steps}
        outcome = Outcome("train", key, len(curriculum.order), sink.rollouts, detail, time.monotonic() - began)
        return outcome if processes()[0] else job.finish(outcome)  # the first process writes what there is once

    with closing(helper.engine) if helper else nullcontext():
        return train(
            curriculum,
            problems,
            labels,
            checkpoint=_models.checkpoint(job.plan.policy.model, job.plan.policy.revision),
            base=job.engine.policy,
            sampler=sampler,
            judge=job.judge,
            sink=sink,
            settings=settings_of(plan),
            output=output_folder(job, key),
            narrator=job.narrator,
            held_out=held_out(job) if plan.eval_every else None,
            teacher=helper,
            demonstrations=Demonstrations(job, problems, labels),
            course=course(job, curriculum),
            mode=job.mode,
            stop=lambda: job.stop() or bool(job.limit_reached()),
            then=finish,
        )
