"""Train a policy with GRPO on TRL, in the curriculum's order, rewarded by the verifiers that score everything else."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from assay.core.errors import ConfigError, require
from assay.core.identity import content_id
from assay.core.parts import build_part
from assay.core.ports import Judge, OnlineCurriculum, Reporter, RolloutSink
from assay.core.types import Curriculum, Label, Mode, Policy, Problem, SamplingConfig
from assay.maths.allocation.weighted_copies import weighted_copies
from assay.training.checkpoints.resume import (
    begin_at_state,
    delete_states,
    latest_state,
    restore_curriculum,
    save_curriculum,
    states_folder,
)
from assay.training.held_out.attempts import HeldOutSet, evaluation_policy
from assay.training.teacher.teacher import Teacher
from assay.training.trainer.arguments import template_arguments
from assay.training.trainer.build import (
    Demonstrations,
    add_evaluation,
    add_relift,
    add_state_saver,
    build_teacher_hook,
    build_trainer,
    load_model_config,
    load_tokenizer,
    render_chats,
)
from assay.training.trainer.checks import (
    check_average,
    check_curriculum,
    check_numbers,
    check_processes,
    check_reports,
    check_window,
)
from assay.training.trainer.libraries import load_trainer, silence_libraries
from assay.training.trainer.loss import Objective
from assay.training.trainer.rollout_recorder import RolloutRecorder, training_policy
from assay.training.trainer.run import rank_and_world_size, resume_record, run_steps, save_result
from assay.training.trainer.sampler import GroupSampler, OnlineSampler
from assay.training.trainer.settings import TrainingSettings
from assay.training.trainer.trackers import configure_trackers

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a finished run leaves."""

    checkpoint: Path
    run: str  # names the policy revisions of its steps
    steps: int
    tokens: int  # generated
    seconds: float  # of training, after imports and loading
    rewards: tuple[float, ...]  # mean per step


def train(
    curriculum: Curriculum,
    problems: Mapping[str, Problem],
    labels: Mapping[str, Label],
    *,
    checkpoint: Path,
    base: Policy,
    sampler: SamplingConfig,
    judge: Judge,
    sink: RolloutSink,
    settings: TrainingSettings,
    output: Path,
    reporter: Reporter,
    run: str = "",
    stop: Callable[[], bool] = lambda: False,
    teacher: Teacher | None = None,
    demonstrations: Demonstrations = lambda problem_id: (),
    held_out: HeldOutSet | None = None,
    online: OnlineCurriculum | None = None,
    mode: Mode = "strict",
    on_saved: Callable[[TrainingResult], Result] = lambda result: result,  # type: ignore[assignment,return-value]
    begin_at: Path | None = None,
    keep_state: bool = False,
) -> Result:
    """Train a policy on a curriculum, save the checkpoint to `output/step-N`, and hand every rollout to the sink.

    The same call after a kill resumes from the last complete state. The weights are float32; on a GPU that has
    bfloat16, forward passes use it. With top_p < 1 or top_k > 0 rollouts are drawn from a narrower distribution than
    the one whose probabilities are trained, as in TRL.

    Args:
        curriculum: Problem ids in the order of training.
        problems: Per problem id.
        labels: Per problem id.
        checkpoint: A folder that transformers loads.
        base: The name and revision of that checkpoint.
        sampler: How rollouts are sampled.
        judge: Gives verdicts, and so rewards.
        sink: Gets rollouts, verdicts and measurements.
        settings: Everything else that decides the run.
        output: Holds the checkpoint, and while the run goes on its resume states.
        reporter: Gets one line per step.
        run: Part of every rollout's policy revision; "" = `run_id`, so that the same run makes the same ids.
        stop: Asked after each step; True ends the run with a resume state.
        teacher: Asked as `settings.teacher_settings` says; both or neither must be given.
        demonstrations: Texts that may solve a problem, of which only one that the verifier accepts is shown.
        held_out: Attempted every `settings.eval_every` steps.
        online: Chooses each step's problems; the curriculum is then its pool.
        mode: Which reading of a verdict rewards use.
        on_saved: Called once the checkpoint is complete, before the resume states are deleted.
        begin_at: The last state of a shorter training with the same settings, from which this one goes on.
        keep_state: Whether the last state stays, so that a longer training can go on from it.

    Returns:
        What `on_saved` returns; by default the TrainingResult.

    Raises:
        ConfigError: something cannot be trained as configured; nothing was written.
        TrainingError: training met something that it must not learn from; no checkpoint was written.
        EngineError: the teacher cannot be reached, and the run is to stop then.
        Stopped: `stop` returned True; the same call resumes.
    """
    objective = _check(curriculum, problems, labels, sampler, settings, teacher)
    run = run or run_id(curriculum, labels, base, sampler, settings, teacher, online, mode)
    order = _sampler(_training_order(curriculum, settings, online), settings, online, reporter)
    rank, processes = rank_and_world_size()
    recorder = RolloutRecorder(
        problems, labels, judge, sink, reporter, base, sampler, run, order, rank, processes, mode=mode
    )
    states = states_folder(output, run)
    if rank == 0:
        begin_at_state(states, begin_at)
    if rank == 0:
        reporter.say(f"loading torch, TRL and {base.name}; the first step follows")
    with silence_libraries(), configure_trackers(settings.report_to, output):
        trainer, saver, use_cache = _prepare(
            recorder, checkpoint, objective, settings, states, teacher, demonstrations, held_out, online, stop
        )
        trainer.loss_weights = curriculum.weights if settings.weights == "loss" else {}
        seconds = run_steps(trainer, saver, recorder.sink, states)
        target = save_result(
            trainer, recorder, asdict(settings), output, states, average=settings.ema_alpha, use_cache=use_cache
        )
    result = on_saved(TrainingResult(target, run, settings.steps, recorder.tokens, seconds, tuple(recorder.rewards)))
    if rank == 0:
        delete_states(states, keep_last=keep_state)
    return result


def run_id(
    curriculum: Curriculum,
    labels: Mapping[str, Label],
    base: Policy,
    sampler: SamplingConfig,
    settings: TrainingSettings,
    teacher: Teacher | None = None,
    online: OnlineCurriculum | None = None,
    mode: Mode = "strict",
) -> str:
    """Return the hash of all that decides a run."""
    label_ids = [labels[id_].id for id_ in curriculum.order]
    online_key = [] if online is None else [str(online.state_dict()["key"])]
    other_mode = [] if mode == "strict" else [mode]
    weights = [sorted(curriculum.weights.items())] if settings.weights != "ignore" else []
    return content_id(
        "run",
        base.revision,
        sampler.id,
        settings.decisive,
        curriculum.order,
        label_ids,
        teacher and teacher.id,
        *online_key,
        *other_mode,
        *weights,
    )


def _check(
    curriculum: Curriculum,
    problems: Mapping[str, Problem],
    labels: Mapping[str, Label],
    sampler: SamplingConfig,
    settings: TrainingSettings,
    teacher: Teacher | None,
) -> Objective:
    """Refuse what cannot be trained; return the objective."""
    _, world_size = rank_and_world_size()
    check_curriculum(curriculum.order, problems, labels)
    check_numbers(
        sampler,
        group_size=settings.group_size,
        groups=settings.problems_per_step,
        micro_batch=settings.rows,
        steps=settings.steps,
        learning_rate=settings.learning_rate,
        processes=world_size,
    )
    check_processes(
        world_size,
        groups=settings.problems_per_step,
        relift=settings.relift_batch,
        guided=settings.teacher_settings is not None,
    )
    check_reports(settings.report_to)
    if settings.vllm:
        require("vllm", extra="vllm")
    check_average(settings.ema_alpha, save_every=settings.save_every, lora_rank=settings.lora_rank)
    for library in ("torch", "transformers", "trl"):
        require(library, extra="train")
    objective: Objective = build_part("objective", settings.objective, settings.settings)
    _check_teacher(settings, teacher)
    return objective


def _prepare(
    recorder: RolloutRecorder,
    checkpoint: Path,
    objective: Objective,
    settings: TrainingSettings,
    states: Path,
    teacher: Teacher | None,
    demonstrations: Demonstrations,
    held_out: HeldOutSet | None,
    online: OnlineCurriculum | None,
    stop: Callable[[], bool],
) -> tuple[Any, Any, Any]:
    """Build the trainer at the last resume state; return it with its state saver and the model's `use_cache`."""
    load_trainer()
    sampler, reporter = recorder.sampler, recorder.reporter
    recorder.allow_truncated = settings.allow_truncated
    recorder.terms = settings.reward
    recorder.divides = objective.arguments().get("scale_rewards", "group") in ("group", True)
    recorder.tokenizer = tokenizer = load_tokenizer(checkpoint)
    config = load_model_config(checkpoint)
    window = getattr(config.get_text_config(), "max_position_embeddings", None)
    chats = render_chats(recorder.order.rows, recorder.problems, sampler)
    eval_problems = held_out.problems if held_out and settings.eval_every else {}
    check_window(
        tokenizer,
        chats | render_chats(eval_problems, eval_problems, sampler),
        window=window,
        max_tokens=sampler.max_tokens,
        template_arguments=template_arguments(sampler),
    )
    hook = None
    if teacher is not None:
        hook = build_teacher_hook(teacher, settings, sampler, tokenizer, window, reporter, demonstrations)
    trainer = build_trainer(checkpoint, tokenizer, chats, recorder, objective, settings, states, hook)
    folder, state = latest_state(states)
    recorder.rewards = [math.nan if mean is None else mean for mean in state.rewards]
    shares = state.more.get("correct", [None] * state.step)
    recorder.correct = [math.nan if share is None else share for share in shares]
    resume_record(
        recorder,
        state,
        settings.steps,
        lambda attempt: _attempt_revisions(recorder, state.step, settings.steps, attempt),
    )
    saver = add_state_saver(trainer, recorder, stop)
    if online is not None:
        restore_curriculum(folder, online)
        saver.save_extra = partial(save_curriculum, curriculum=online)
    add_relift(trainer, recorder, settings, state, demonstrations, saver)
    add_evaluation(trainer, recorder, settings.eval_every, held_out)
    return trainer, saver, config.use_cache


def _check_teacher(settings: TrainingSettings, teacher: Teacher | None) -> None:
    if (settings.teacher_settings is None) != (teacher is None):
        raise ConfigError("teacher and settings.teacher_settings must be given together: one of them is missing")
    if settings.objective == "sft" and teacher is None:
        raise ConfigError(
            "objective 'sft' trains on what a teacher shows, but there is no teacher: "
            "it would train on its own rollouts, right or wrong"
        )


def _sampler(
    order: Sequence[str], settings: TrainingSettings, online: OnlineCurriculum | None, reporter: Reporter
) -> GroupSampler:
    world_size = rank_and_world_size()[1]
    repeats = settings.problems_per_step * settings.group_size // (settings.rows * world_size)
    shape = (settings.steps, settings.problems_per_step, settings.group_size, repeats)
    if online is not None:
        _check_online(settings, online, world_size)
        return OnlineSampler(order, {id_: row for row, id_ in enumerate(dict.fromkeys(order))}, *shape, online)
    count = settings.steps * settings.problems_per_step
    if count > len(order):
        reporter.say(
            f"{settings.steps} steps of {settings.problems_per_step} need {count} problems; "
            f"the curriculum has {len(order)} and starts over"
        )
    return GroupSampler(order, {id_: row for row, id_ in enumerate(dict.fromkeys(order[:count]))}, *shape)


def _training_order(
    curriculum: Curriculum, settings: TrainingSettings, online: OnlineCurriculum | None
) -> tuple[str, ...]:
    """Return the order of training: the curriculum's, or with each problem as often as its weight says."""
    if settings.weights != "sampling":
        return curriculum.order
    if online is not None:
        raise ConfigError(
            'an online curriculum chooses by itself: weights = "sampling" needs a fixed order; use "loss"'
        )
    ids: list[str] = []
    walks = [(part, epoch) for part in curriculum.phases for epoch in range(part.epochs)]
    for place, (phase, epoch) in enumerate(walks):
        start = np.random.default_rng((settings.seed, place, epoch)).random()
        copies = weighted_copies(phase.weights or (1.0,) * len(phase.ids), len(phase.ids), start)
        ids += [id_ for id_, n in zip(phase.ids, copies.tolist(), strict=True) for _ in range(n)]
    return tuple(ids)


def _check_online(settings: TrainingSettings, online: OnlineCurriculum, world_size: int) -> None:
    if online.max_resamples and (settings.teacher_settings is not None or settings.relift_batch):
        raise ConfigError(
            "a curriculum that refills its steps cannot be combined with a teacher or relift: those read one batch "
            "per step"
        )
    if pilot := getattr(online, "pilot", 0):
        if pilot >= settings.group_size:
            raise ConfigError(
                f"a pilot of {pilot} for groups of {settings.group_size}: the pilot must be smaller than the group"
            )
        if settings.teacher_settings is not None or (settings.vllm and not online.fresh):  # type: ignore[attr-defined]
            raise ConfigError(
                "groups that begin with a pilot cannot be combined with a teacher, and with vLLM only if fresh = true"
            )
    if world_size > 1:
        raise ConfigError(
            f"online curricula support one process, found WORLD_SIZE={world_size}; use a fixed order such as "
            "easy_to_hard"
        )


def _attempt_revisions(recorder: RolloutRecorder, first: int, steps: int, attempt: int) -> list[str]:
    """Return the revisions of an attempt at the steps from `first` on, and of the evaluations after each.

    The evaluation after step `first` itself belongs to the state that is resumed.
    """
    sampling = [training_policy(recorder.run, recorder.base, step, attempt).revision for step in range(first, steps)]
    evaluated = range(first + 1 if first else 0, steps + 1)
    return sampling + [evaluation_policy(recorder.run, recorder.base, step, attempt).revision for step in evaluated]
