"""Build the trainer of a run with its tokenizer, teacher hook and callbacks.

The heavy libraries are imported inside the functions.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from assay.core.errors import ConfigError, require
from assay.core.ports import Reporter
from assay.core.types import Problem, SamplingConfig
from assay.training.checkpoints.resume import ResumeState
from assay.training.held_out.attempts import HeldOutSet
from assay.training.offline.settings import OfflineSettings
from assay.training.teacher.hook import TeacherHook
from assay.training.teacher.teacher import Teacher
from assay.training.trainer.arguments import trl_arguments
from assay.training.trainer.checks import Chat
from assay.training.trainer.loss import Objective
from assay.training.trainer.rollout_recorder import RolloutRecorder
from assay.training.trainer.run_record import RunRecord
from assay.training.trainer.schedules import kl_weight
from assay.training.trainer.settings import TrainingSettings

Demonstrations = Callable[[str], Sequence[str]]  # problem id -> texts that may solve it, the best first


def load_tokenizer(checkpoint: Path) -> Any:
    """Load the tokenizer of a checkpoint folder, padding on the left.

    Raises:
        ConfigError: the folder holds no config.json.
    """
    from transformers import AutoTokenizer

    if not (checkpoint / "config.json").is_file():
        raise ConfigError(f"{str(checkpoint)!r} is not a checkpoint: it has no config.json")
    return AutoTokenizer.from_pretrained(str(checkpoint), padding_side="left", local_files_only=True)


def load_model_config(checkpoint: Path) -> Any:
    """Load transformers' config of a checkpoint folder."""
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(str(checkpoint), local_files_only=True)


def render_chats(ids: Iterable[str], problems: Mapping[str, Problem], sampler: SamplingConfig) -> dict[str, Chat]:
    """Return the messages that the policy is shown, per problem id."""
    return {id_: [message._asdict() for message in sampler.render(problems[id_])] for id_ in ids}


def build_teacher_hook(
    teacher: Teacher,
    settings: TrainingSettings,
    sampler: SamplingConfig,
    tokenizer: Any,
    window: int | None,
    reporter: Reporter,
    demonstrations: Demonstrations,
) -> TeacherHook:
    """Build what asks the teacher in each step; `settings.teacher_settings` must be set."""
    assert settings.teacher_settings is not None
    return TeacherHook(
        settings=settings.teacher_settings,
        teacher=teacher,
        encode=lambda text: list(tokenizer.encode(text, add_special_tokens=False)),
        end_token=tokenizer.eos_token_id,
        window=window,
        reporter=reporter,
        reserved_tokens=sampler.max_tokens if settings.teacher_settings.student_continues else 0,
        demonstrations=demonstrations,
    )


def build_trainer(
    checkpoint: Path,
    tokenizer: Any,
    chats: Mapping[str, Chat],
    recorder: RolloutRecorder,
    objective: Objective,
    settings: TrainingSettings,
    states: Path,
    teacher_hook: TeacherHook | None,
) -> Any:
    """Build the `CurriculumTrainer` of a run; this loads the weights.

    Args:
        checkpoint: Folder of the model.
        tokenizer: Of the model.
        chats: Messages per problem id, in the order of the dataset's rows.
        recorder: Of the run.
        objective: The loss.
        settings: Of the run.
        states: Folder of the resume states.
        teacher_hook: None = no teacher.
    """
    from accelerate.utils import gather_object
    from datasets import Dataset
    from transformers import PrinterCallback

    from assay.training.trainer.callbacks import StepLog
    from assay.training.trainer.trainer import CurriculumTrainer

    step_log = StepLog(recorder, {"learning_rate_end": settings.final_lr_fraction})
    trainer = CurriculumTrainer(
        recorder=recorder,
        objective=objective,
        kl_weight=lambda step: kl_weight(
            step, settings.steps, rule=settings.kl_schedule, most=settings.kl_coef, least=settings.kl_coef_min
        ),
        mask_truncated=settings.mask_truncated,
        share_prompt=settings.share_prompt and not settings.checkpointing,
        teacher_hook=teacher_hook,
        model=str(checkpoint),
        args=trl_arguments(objective, recorder.sampler, settings, states, recorder.order.repeats),
        train_dataset=Dataset.from_dict({"prompt": list(chats.values()), "problem_id": list(chats)}),
        processing_class=tokenizer,
        callbacks=[step_log],
        peft_config=lora_config(settings),
    )
    trainer.remove_callback(PrinterCallback)  # which prints every log on stdout once bars are off
    if recorder.processes > 1:
        step_log.gather = lambda metrics: list(gather_object([metrics]))
    return trainer


def add_state_saver(trainer: Any, recorder: RunRecord, stop: Callable[[], bool]) -> Any:
    """Add and return the callback that completes resume states, and ends the run after a step once `stop` is True."""
    from assay.training.trainer.callbacks import StateSaver

    saver = StateSaver(recorder, stop)
    saver.wait = trainer.accelerator.wait_for_everyone
    if recorder.processes > 1:
        from accelerate.utils import gather_object

        saver.any_process = lambda value: any(gather_object([value]))
    trainer.add_callback(saver)
    return saver


def add_relift(
    trainer: Any,
    recorder: RolloutRecorder,
    settings: TrainingSettings,
    state: ResumeState,
    demonstrations: Demonstrations,
    saver: Any,
) -> None:
    """Add ReLIFT's supervised pass where it is configured; problems that waited before a kill wait again."""
    if not settings.relift_batch:
        return
    from assay.training.relift import FailedProblems, Relift

    problems = FailedProblems(settings.relift_batch, list(state.more.get("relift", ())))
    callback = Relift(recorder, problems, demonstrations, settings.relift_learning_rate)
    callback.trainer = trainer
    trainer.add_callback(callback)
    saver.extra = lambda: {"relift": problems.waiting}


def add_evaluation(trainer: Any, recorder: RunRecord, every: int, held_out: HeldOutSet | None) -> None:
    """Add evaluation on held-out problems every so many steps where it is configured, in the first process."""
    if held_out is None or not every or recorder.rank:
        return
    from assay.training.held_out.callback import HeldOutEvaluation

    callback = HeldOutEvaluation(recorder, held_out, every)
    callback.trainer = trainer
    trainer.add_callback(callback)


def lora_config(settings: TrainingSettings | OfflineSettings) -> Any:
    """Return PEFT's config of adapters on every linear layer, or None."""
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
