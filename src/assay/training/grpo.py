"""Curriculum + policy -> checkpoint: GRPO on TRL, in the curriculum's order, rewarded by the same verifier as everything else."""

import math
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from assay.core.errors import ConfigError, Stopped, require
from assay.core.identity import content_id
from assay.core.parts import build_part
from assay.core.ports import Judge, OnlineCurriculum, Reporter, RolloutSink
from assay.core.types import Curriculum, Label, Mode, Policy, Problem, SamplingConfig
from assay.training.checkpoints.ema import KEPT, averaged
from assay.training.checkpoints.resume import ResumeState, clear, keep_course, latest, restore_course, states_of, whole
from assay.training.checkpoints.save import save
from assay.training.held_out.attempts import HeldOut, policy_of
from assay.training.relift.buffer import FailedProblems
from assay.training.teacher.hook import TeacherHook
from assay.training.teacher.teacher import Teacher
from assay.training.trainer.arguments import arguments, template_args
from assay.training.trainer.checks import (
    Chat,
    check_average,
    check_curriculum,
    check_numbers,
    check_reports,
    check_together,
    check_window,
)
from assay.training.trainer.loss import Objective
from assay.training.trainer.quiet import quiet
from assay.training.trainer.rollout_recorder import RolloutRecorder, next_attempt, policy_at
from assay.training.trainer.sampler import InOrder, SampledBatch
from assay.training.trainer.schedules import kl_weight
from assay.training.trainer.settings import Settings
from assay.training.trainer.trackers import tracked

Result = TypeVar("Result")
Demonstrations = Callable[[str], Sequence[str]]  # problem id -> texts that may solve it, the best first


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a run leaves."""

    checkpoint: Path
    run: str  # names the policy revisions of its steps
    steps: int
    tokens: int  # generated
    seconds: float  # of training, after imports and loading
    rewards: tuple[float, ...]  # mean of each step's rollouts


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
    settings: Settings,
    output: Path,
    reporter: Reporter,
    run: str = "",
    stop: Callable[[], bool] = lambda: False,
    teacher: Teacher | None = None,
    demonstrations: Demonstrations = lambda problem_id: (),
    held_out: HeldOut | None = None,
    course: OnlineCurriculum | None = None,
    mode: Mode = "strict",
    then: Callable[[TrainingResult], Result] = lambda trained: trained,  # type: ignore[assignment,return-value]
) -> Result:
    """`output/step-N` holds the policy after N steps, and the sink every rollout that they made.

    Problems and labels are keyed by problem id. `checkpoint` is a folder that transformers loads; `base` names it. `run` is part of
    every rollout's policy revision; "" derives it from all that decides the run, so the same run again makes the same ids. While it
    goes on, `output` also holds states, of which the same call goes on after a kill; `stop` is asked after each step, and ends the
    run with such a state. The weights are float32; on a GPU that has bfloat16, forward passes use it. With top_p < 1 or top_k > 0
    rollouts are drawn from a narrower distribution than the one whose probabilities are trained, as in TRL. `teacher` is asked as
    `settings.guidance` says; `held_out` is attempted every `settings.eval_every` steps; `demonstrations` gives texts that may solve
    a problem, of which only one that the verifier accepts is shown. A `course` names each step's problems, and the curriculum is its pool;
    `mode` picks the verdicts' reading. `then` is called once the checkpoint is whole and before the states go; what it returns is returned.

    Raises:
        ConfigError: something cannot be trained as asked; nothing was written.
        TrainingError: training met something that it must not learn from; no checkpoint was written.
        EngineError: the teacher is gone, and the run is to stop then.
        Stopped: `stop` said so; the same call goes on from there.
    """
    objective = _checked(curriculum, problems, labels, sampler, settings)
    _check_teacher(settings, teacher)
    run = run or run_id(curriculum, labels, base, sampler, settings, teacher, course, mode)
    order = (
        _in_order(curriculum.order, settings, reporter)
        if course is None
        else _asked(curriculum.order, settings, course)
    )
    states = states_of(output, run)
    folder, state = latest(states)
    with quiet(), tracked(settings.report_to, output):
        tokenizer = _tokenizer(checkpoint)
        chats = _chats(order.rows, problems, sampler)
        config = _config(checkpoint)
        window = getattr(config.get_text_config(), "max_position_embeddings", None)
        apart = _chats(held_out.problems, held_out.problems, sampler) if held_out and settings.eval_every else {}
        check_window(
            tokenizer, chats | apart, window=window, max_tokens=sampler.max_tokens, template_args=template_args(sampler)
        )
        evidence = RolloutRecorder(
            problems, labels, judge, sink, reporter, base, sampler, run, order, decoder(tokenizer)
        )
        (evidence.rank, evidence.processes), evidence.mode = processes(), mode
        evidence.decode_all = lambda rows: list(tokenizer.batch_decode(rows, skip_special_tokens=True))
        guide = _guide(teacher, settings, sampler, tokenizer, window, reporter, demonstrations) if teacher else None
        trainer = _trainer(checkpoint, tokenizer, chats, evidence, objective, settings, states, guide)
        _go_on(evidence, state, settings)
        saver = _saver(trainer, evidence, stop)
        _stand(course, folder, saver)
        _relift(trainer, evidence, settings, state, demonstrations, saver)
        _evaluate(trainer, evidence, settings, held_out)
        seconds = _walk(trainer, folder, states)
        if saver.stopped:
            raise Stopped(
                f"asked to stop after step {trainer.state.global_step} of {settings.steps}; its state is kept"
            )
        saved = _save(trainer, evidence, settings, output, states, use_cache=config.use_cache)
    made = then(TrainingResult(saved, run, settings.steps, evidence.tokens, seconds, tuple(evidence.rewards)))
    if evidence.rank == 0:
        clear(states)
    return made


def _save(
    trainer: Any, evidence: RolloutRecorder, settings: Settings, output: Path, states: Path, *, use_cache: Any
) -> Path:
    """The checkpoint, written by the first process; with an average, the last weights lie beside it."""
    saved = output / f"step-{settings.steps}"
    if evidence.rank == 0:
        model = merged(trainer)
        model.config.use_cache = use_cache  # which the library turns off
        if settings.average:
            save(model, trainer._tokenizer, saved.with_name(f"{saved.name}-last"), _record(evidence, settings))
            _average(model, states, settings)
        save(model, trainer._tokenizer, saved, _record(evidence, settings))
    trainer.accelerator.wait_for_everyone()
    return saved


def _chats(ids: Iterable[str], problems: Mapping[str, Problem], sampler: SamplingConfig) -> dict[str, Chat]:
    """The turns that the policy is shown, by problem."""
    return {id_: [message._asdict() for message in sampler.render(problems[id_])] for id_ in ids}


def _check_teacher(settings: Settings, teacher: Teacher | None) -> None:
    if (settings.guidance is None) != (teacher is None):
        raise ConfigError("a teacher needs its guidance, and guidance its teacher: one of them is missing")
    if settings.objective == "sft" and teacher is None:
        raise ConfigError(
            "objective 'sft' learns from what a teacher shows, and there is none: it would learn its own rollouts, right or wrong"
        )


def merged(trainer: Any) -> Any:
    """The trained model as an ordinary one, adapters added to their weights."""
    model = trainer.accelerator.unwrap_model(trainer.model)
    return model.merge_and_unload() if hasattr(model, "merge_and_unload") else model


def _average(model: Any, states: Path, settings: Settings) -> None:
    """The model's weights give way to their average with those of the last states before."""
    folders = [path for path in whole(states) if path.name != f"checkpoint-{settings.steps}"][1 - KEPT :]
    model.load_state_dict(
        averaged(folders, model.state_dict(), settings.average), strict=False
    )  # tied weights have one name in the states


def decoder(tokenizer: Any) -> Callable[[Sequence[int]], str]:
    """Ids -> text, without special tokens."""
    return lambda ids: str(tokenizer.decode(ids, skip_special_tokens=True))


def _walk(trainer: Any, folder: Path | None, states: Path) -> float:
    """All steps that are left; seconds. What was paid for is kept however it ends."""
    started = time.perf_counter()
    try:
        trainer.train(resume_from_checkpoint=folder and str(folder))
    finally:
        trainer.evidence.sink.flush()
        _remove_empty(states)
    return time.perf_counter() - started


def run_id(
    curriculum: Curriculum,
    labels: Mapping[str, Label],
    base: Policy,
    sampler: SamplingConfig,
    settings: Settings,
    teacher: Teacher | None = None,
    course: OnlineCurriculum | None = None,
    mode: Mode = "strict",
) -> str:
    """The hash of all that decides a run."""
    golds = [labels[id_].id for id_ in curriculum.order]
    online = [] if course is None else [str(course.state_dict()["key"])]
    otherwise = [] if mode == "strict" else [mode]
    return content_id(
        "run",
        base.revision,
        sampler.id,
        settings.decisive,
        curriculum.order,
        golds,
        teacher and teacher.id,
        *online,
        *otherwise,
    )


def _guide(
    teacher: Teacher,
    settings: Settings,
    sampler: SamplingConfig,
    tokenizer: Any,
    window: int | None,
    reporter: Reporter,
    demonstrations: Demonstrations,
) -> TeacherHook:
    assert settings.guidance is not None
    return TeacherHook(
        guidance=settings.guidance,
        teacher=teacher,
        encode=lambda text: list(tokenizer.encode(text, add_special_tokens=False)),
        end=tokenizer.eos_token_id,
        window=window,
        reporter=reporter,
        room=sampler.max_tokens if settings.guidance.go_on else 0,
        demonstrations=demonstrations,
    )


def _relift(
    trainer: Any,
    evidence: RolloutRecorder,
    settings: Settings,
    state: ResumeState,
    demonstrations: Demonstrations,
    saver: Any,
) -> None:
    """What failed waits for a supervised pass; what waited before a kill waits again."""
    if not settings.relift:
        return
    from assay.training.relift.supervised_pass import Relift

    buffer = FailedProblems(settings.relift, list(state.more.get("relift", ())))
    callback = Relift(evidence, buffer, demonstrations, settings.relift_learning_rate)
    callback.trainer = trainer
    trainer.add_callback(callback)
    saver.more = lambda: {"relift": buffer.waiting}


def _go_on(evidence: RolloutRecorder, state: ResumeState, settings: Settings) -> None:
    """The evidence knows what the state knew, and earlier attempts at the steps to come are superseded."""
    evidence.allow_truncated = settings.allow_truncated
    evidence.tokens = state.tokens
    evidence.rewards = [math.nan if mean is None else mean for mean in state.rewards]
    if evidence.rank == 0:
        evidence.attempt = next_attempt(
            evidence.sink, lambda attempt: _revisions(evidence, state.step, settings.steps, attempt)
        )
    if evidence.processes > 1:
        from accelerate.utils import broadcast_object_list

        (evidence.attempt,) = broadcast_object_list([evidence.attempt])
    if state.step or evidence.attempt:
        again = f"; attempt {evidence.attempt + 1} at what follows" if evidence.attempt else ""
        evidence.reporter.say(f"going on after step {state.step} of {settings.steps}{again}")


def _revisions(evidence: RolloutRecorder, first: int, steps: int, attempt: int) -> list[str]:
    """Of an attempt at the steps from `first` on, and of its evaluations after each; the one after `first` itself lies in the kept state."""
    made = [policy_at(evidence.run, evidence.base, step, attempt).revision for step in range(first, steps)]
    seen = range(first + 1 if first else 0, steps + 1)
    return made + [policy_of(evidence.run, evidence.base, step, attempt).revision for step in seen]


def _evaluate(trainer: Any, evidence: RolloutRecorder, settings: Settings, held_out: HeldOut | None) -> None:
    if held_out is None or not settings.eval_every or evidence.rank:
        return
    from assay.training.held_out.callback import Evaluate

    callback = Evaluate(evidence, held_out, settings.eval_every)
    callback.trainer = trainer
    trainer.add_callback(callback)


def _saver(trainer: Any, evidence: RolloutRecorder, stop: Callable[[], bool]) -> Any:
    from assay.training.trainer.callbacks import Saver

    saver = Saver(evidence, stop)
    saver.wait = trainer.accelerator.wait_for_everyone
    if evidence.processes > 1:
        from accelerate.utils import gather_object

        saver.anywhere = lambda asked: any(gather_object([asked]))
    trainer.add_callback(saver)
    return saver


def _remove_empty(states: Path) -> None:
    """No trace of a run that has kept no state."""
    for folder in (states, states.parent):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _checked(
    curriculum: Curriculum,
    problems: Mapping[str, Problem],
    labels: Mapping[str, Label],
    sampler: SamplingConfig,
    settings: Settings,
) -> Objective:
    check_curriculum(curriculum.order, problems, labels)
    check_numbers(
        sampler,
        group_size=settings.group_size,
        groups=settings.groups,
        micro_batch=settings.rows,
        steps=settings.steps,
        learning_rate=settings.learning_rate,
        processes=processes()[1],
    )
    check_together(processes()[1], groups=settings.groups, relift=settings.relift, guided=settings.guidance is not None)
    check_reports(settings.report_to)
    if settings.vllm:
        require("vllm", extra="vllm")
    check_average(settings.average, save_every=settings.save_every, lora_rank=settings.lora_rank)
    for library in ("torch", "transformers", "trl"):
        require(library, extra="train")
    objective: Objective = build_part("objective", settings.objective, settings.settings)
    return objective


def processes() -> tuple[int, int]:
    """This process's rank and how many there are, as a launcher told them; (0, 1) without one."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def _in_order(order: Sequence[str], settings: Settings, reporter: Reporter) -> InOrder:
    wanted = settings.steps * settings.groups
    if wanted > len(order):
        reporter.say(
            f"{settings.steps} steps of {settings.groups} want {wanted} problems; the curriculum has {len(order)} and wraps around"
        )
    rows = {id_: row for row, id_ in enumerate(dict.fromkeys(order[:wanted]))}
    repeats = settings.groups * settings.group_size // (settings.rows * processes()[1])
    return InOrder(order, rows, settings.steps, settings.groups, settings.group_size, repeats)


def _stand(course: OnlineCurriculum | None, folder: Path | None, saver: Any) -> None:
    """An online curriculum stands where its state does, and every state to come holds its own."""
    if course is not None:
        restore_course(folder, course)
        saver.keep = partial(keep_course, course=course)


def _asked(order: Sequence[str], settings: Settings, course: OnlineCurriculum) -> SampledBatch:
    if course.max_resamples and (settings.guidance is not None or settings.relift or settings.mask_truncated):
        raise ConfigError(
            "a curriculum that refills its steps goes with no teacher, no relift and no mask_truncated: they read one batch a step"
        )
    if processes()[1] > 1:
        raise ConfigError(f"an online curriculum in {processes()[1]} processes: it is told of groups in one")
    rows = {id_: row for row, id_ in enumerate(dict.fromkeys(order))}
    repeats = settings.groups * settings.group_size // settings.rows
    return SampledBatch(order, rows, settings.steps, settings.groups, settings.group_size, repeats, course)


def _trainer(
    checkpoint: Path,
    tokenizer: Any,
    chats: Mapping[str, Chat],
    evidence: RolloutRecorder,
    objective: Objective,
    settings: Settings,
    states: Path,
    guide: TeacherHook | None,
) -> Any:
    from accelerate.utils import gather_object
    from datasets import Dataset
    from transformers import PrinterCallback

    from assay.training.trainer.callbacks import StepLog
    from assay.training.trainer.trainer import OrderedTrainer

    trainer = OrderedTrainer(
        evidence=evidence,
        objective=objective,
        kl_weight=lambda step: kl_weight(
            step, settings.steps, rule=settings.beta_rule, most=settings.beta, least=settings.beta_least
        ),
        mask_truncated=settings.mask_truncated,
        share_prompt=settings.share_prompt and not settings.checkpointing,
        guide=guide,
        model=str(checkpoint),
        args=arguments(objective, evidence.sampler, settings, states, evidence.order.repeats),
        train_dataset=Dataset.from_dict({"prompt": list(chats.values()), "problem_id": list(chats)}),
        processing_class=tokenizer,
        callbacks=[log := StepLog(evidence, {"learning_rate_end": settings.learning_rate_end})],
        peft_config=_lora(settings),
    )
    trainer.remove_callback(PrinterCallback)  # which prints every log on stdout once bars are off
    if evidence.processes > 1:
        log.gather = lambda values: list(gather_object([values]))
    return trainer


def _lora(settings: Settings) -> Any:
    """Adapters on every linear layer, or none."""
    if not settings.lora_rank:
        return None
    peft = require("peft", extra="train")
    return peft.LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        target_modules="all-linear",
        lora_dropout=0.0,
        task_type="CAUSAL_LM",
    )


def _tokenizer(checkpoint: Path) -> Any:
    from transformers import AutoTokenizer

    if not (checkpoint / "config.json").is_file():
        raise ConfigError(f"{str(checkpoint)!r} is no checkpoint: it holds no config.json")
    return AutoTokenizer.from_pretrained(str(checkpoint), padding_side="left", local_files_only=True)


def _config(checkpoint: Path) -> Any:
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(str(checkpoint), local_files_only=True)


def _record(evidence: RolloutRecorder, settings: Settings) -> dict[str, Any]:
    base, sampler = asdict(evidence.base), asdict(evidence.sampler)
    return {
        "run": evidence.run,
        "base": base,
        "sampler": sampler,
        "settings": asdict(settings),
        "rewards": evidence.reward_means,
    }
