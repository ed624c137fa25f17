"""Train a policy on stored rows: encode them, order them, step over them, save the checkpoint.

The heavy libraries are imported inside the functions.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from assay.core.errors import ConfigError, require
from assay.core.identity import content_id
from assay.core.ports import Judge, Reporter, RolloutSink
from assay.core.training_rows import Encoded, PairRow, TargetRow
from assay.core.types import Mode, Policy, SamplingConfig
from assay.training.checkpoints.resume import delete_states, latest_state, states_folder
from assay.training.held_out.attempts import HeldOutSet
from assay.training.offline.encode import RowEncoder, choose_fitting_rows, trained_tokens
from assay.training.offline.record import StoredRowsRecord
from assay.training.offline.row_order import RowOrder, steps_of
from assay.training.offline.settings import OfflineSettings
from assay.training.trainer.arguments import template_arguments
from assay.training.trainer.build import (
    add_evaluation,
    add_state_saver,
    load_model_config,
    load_tokenizer,
    lora_config,
    render_chats,
)
from assay.training.trainer.checks import check_average, check_reports, check_window
from assay.training.trainer.libraries import load_trainer, silence_libraries
from assay.training.trainer.run import rank_and_world_size, resume_record, run_steps, save_result
from assay.training.trainer.trackers import configure_trackers

Result = TypeVar("Result")
Row = TypeVar("Row", TargetRow, PairRow)
Row_contra = TypeVar("Row_contra", TargetRow, PairRow, contravariant=True)


@dataclass(frozen=True, slots=True)
class OfflineResult:
    """What a finished training on stored rows leaves."""

    checkpoint: Path
    run: str  # names the policy revisions of its steps
    steps: int
    rows: int  # that were trained on; those that did not fit are not among them
    tokens: int  # trained on, repeated ones counted again
    seconds: float  # of training, after imports and loading


class Method(Protocol[Row_contra]):
    """One way to learn from stored rows: `training.sft`, `training.dpo` and `training.kto` each define one."""

    name: ClassVar[str]
    losses: ClassVar[tuple[str, ...]]  # names of TRL's, the first is the default

    def check(self, rows: Sequence[Row_contra], settings: OfflineSettings) -> None:
        """Refuse rows that cannot be learnt from with these settings."""

    def encode(self, encoder: RowEncoder, row: Row_contra) -> Encoded:
        """Turn a row into token ids."""

    def build(self, rows: Sequence[Encoded], *, pad_id: int) -> tuple[type, dict[str, Any]]:
        """Return the trainer's class, and what it needs besides what all trainers get."""

    def arguments(self, settings: OfflineSettings, folder: Path, accumulation: int) -> Any:
        """Build TRL's arguments."""


def train_rows(
    method: Method[Row],
    rows: Sequence[Row],
    *,
    checkpoint: Path,
    base: Policy,
    sampler: SamplingConfig,
    judge: Judge,
    sink: RolloutSink,
    settings: OfflineSettings,
    output: Path,
    reporter: Reporter,
    held_out: HeldOutSet | None = None,
    mode: Mode = "strict",
    run: str = "",
    stop: Callable[[], bool] = lambda: False,
    on_saved: Callable[[OfflineResult], Result] = lambda result: result,  # type: ignore[assignment,return-value]
) -> Result:
    """Train on rows, save the checkpoint to `output/step-N`, and hand measurements and held-out attempts to the sink.

    The same call after a kill resumes from the last complete state, at the row that comes next; on the same machine
    the weights are the same as without the kill. The weights are float32; on a GPU that has bfloat16, forward passes
    use it.

    Args:
        method: What is learnt from a row.
        rows: In the order of training where `settings.shuffle` is off.
        checkpoint: A folder that transformers loads; of preferences also the reference.
        base: The name and revision of that checkpoint.
        sampler: How the policy is asked, and how held-out problems are attempted.
        judge: Judges held-out attempts.
        sink: Gets measurements, held-out attempts and verdicts.
        settings: Everything else that decides the run.
        output: Holds the checkpoint, and while the run goes on its resume states.
        reporter: Gets one line per step.
        held_out: Attempted every `settings.eval_every` steps.
        mode: Which reading of a verdict evaluation uses.
        run: Part of the policy revisions; "" = `offline_run_id`.
        stop: Asked after each step; True ends the run with a resume state.
        on_saved: Called once the checkpoint is complete, before the resume states are deleted.

    Returns:
        What `on_saved` returns; by default the OfflineResult.

    Raises:
        ConfigError: something cannot be trained as configured; nothing was written.
        TrainingError: a loss or a weight is not finite; no checkpoint was written.
        Stopped: `stop` returned True; the same call resumes.
    """
    settings = _check(method, rows, settings)
    run = run or offline_run_id(method.name, rows, base, sampler, settings)
    states = states_folder(output, run)
    with silence_libraries(), configure_trackers(settings.report_to, output):
        load_trainer()
        tokenizer = load_tokenizer(checkpoint)
        encoded = _encode(method, rows, tokenizer, checkpoint, sampler, held_out, settings, reporter)
        steps = settings.steps or steps_of(len(encoded), settings.epochs, settings.rows_per_step)
        settings = replace(settings, steps=steps)
        order = RowOrder(len(encoded), steps, settings.rows_per_step, settings.seed, settings.shuffle)
        tokens = [trained_tokens(row) for row in encoded]
        places = rank_and_world_size()
        record = StoredRowsRecord(
            judge, sink, reporter, base, sampler, run, order, tokens, *places, mode=mode, tokenizer=tokenizer
        )
        trainer, saver = _build(method, encoded, record, checkpoint, settings, states, held_out, stop)
        seconds = run_steps(trainer, saver, sink, states)
        use_cache = load_model_config(checkpoint).use_cache
        content = {"method": method.name, "rows": len(encoded), **asdict(settings)}
        target = save_result(trainer, record, content, output, states, average=settings.ema_alpha, use_cache=use_cache)
    result = on_saved(OfflineResult(target, run, steps, len(encoded), record.tokens, seconds))
    if record.rank == 0:
        delete_states(states)
    return result


def offline_run_id(
    method: str, rows: Sequence[TargetRow | PairRow], base: Policy, sampler: SamplingConfig, settings: OfflineSettings
) -> str:
    """Return the hash of all that decides a run."""
    contents = [_content(row) for row in rows]
    return content_id("offline", method, contents, base.revision, sampler.id, settings.decisive)


def _content(row: TargetRow | PairRow) -> dict[str, Any]:
    """Return the fields of a row; `desirable` came later, so where it is True it is left out, and older ids stay."""
    content = asdict(row)
    if content.get("desirable") is True:
        del content["desirable"]
    return content


def _check(method: Method[Row], rows: Sequence[Row], settings: OfflineSettings) -> OfflineSettings:
    """Refuse what cannot be trained; return the settings with their loss."""
    if not rows:
        raise ConfigError(f"there are no stored rows for {method.name} to train on")
    settings = replace(settings, loss=settings.loss or method.losses[0])
    if settings.loss not in method.losses:
        raise ConfigError(f"{method.name} has no loss {settings.loss!r}; known: {', '.join(method.losses)}")
    _, processes = rank_and_world_size()
    if settings.rows_per_step % (settings.rows * processes):
        together = f"micro_batch of {settings.rows} in {processes} processes" if processes > 1 else "micro_batch"
        raise ConfigError(f"{together} ({settings.rows}) does not divide rows_per_step = {settings.rows_per_step}")
    if settings.epochs <= 0 and not settings.steps:
        raise ConfigError(f"epochs must be above 0, found {settings.epochs}")
    check_reports(settings.report_to)
    check_average(settings.ema_alpha, save_every=settings.save_every, lora_rank=settings.lora_rank)
    for library in ("torch", "transformers", "trl"):
        require(library, extra="train")
    method.check(rows, settings)
    return settings


def _encode(
    method: Method[Row],
    rows: Sequence[Row],
    tokenizer: Any,
    checkpoint: Path,
    sampler: SamplingConfig,
    held_out: HeldOutSet | None,
    settings: OfflineSettings,
    reporter: Reporter,
) -> list[Encoded]:
    """Return the rows that fit, as token ids; prompts of held-out problems are checked too."""
    window = getattr(load_model_config(checkpoint).get_text_config(), "max_position_embeddings", None)
    problems = held_out.problems if held_out and settings.eval_every else {}
    variables = template_arguments(sampler)
    check_window(
        tokenizer,
        render_chats(problems, problems, sampler),
        window=window,
        max_tokens=sampler.max_tokens,
        template_arguments=variables,
    )
    encoder = RowEncoder(tokenizer, variables)
    encoded = [method.encode(encoder, row) for row in rows]
    return choose_fitting_rows(encoded, [row.id for row in rows], window=window, warn=reporter.warn)


def _build(
    method: Method[Row],
    rows: Sequence[Encoded],
    record: StoredRowsRecord,
    checkpoint: Path,
    settings: OfflineSettings,
    states: Path,
    held_out: HeldOutSet | None,
    stop: Callable[[], bool],
) -> tuple[Any, Any]:
    """Build the trainer at the last resume state; return it with its state saver."""
    from datasets import Dataset
    from transformers import PrinterCallback

    from assay.training.offline.trainers import BeginStep
    from assay.training.trainer.callbacks import StepLog

    kind, options = method.build(rows, pad_id=record.tokenizer.pad_token_id)
    accumulation = settings.rows_per_step // (settings.rows * record.processes)
    step_log = StepLog(record, {"learning_rate_end": settings.final_lr_fraction})
    trainer = kind(
        record=record,
        template_arguments=template_arguments(record.sampler),
        model=str(checkpoint),
        args=method.arguments(settings, states, accumulation),
        train_dataset=Dataset.from_list(list(rows)),
        processing_class=record.tokenizer,
        callbacks=[BeginStep(record), step_log],
        peft_config=lora_config(settings),
        **options,
    )
    trainer.remove_callback(PrinterCallback)  # which prints every log on stdout once bars are off
    if record.processes > 1:
        from accelerate.utils import gather_object

        step_log.gather = lambda metrics: list(gather_object([metrics]))
    _, state = latest_state(states)
    resume_record(record, state, settings.steps, lambda attempt: record.attempt_revisions(state.step, attempt))
    saver = add_state_saver(trainer, record, stop)
    add_evaluation(trainer, record, settings.eval_every, held_out)
    return trainer, saver
