"""Run a trainer's steps from its last resume state, and write the checkpoint, whatever the loss is."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from assay.core.errors import Stopped
from assay.core.ports import RolloutSink
from assay.training.checkpoints.ema import KEPT_STATES, average_checkpoints
from assay.training.checkpoints.resume import ResumeState, complete_states, latest_state
from assay.training.checkpoints.save import save_checkpoint
from assay.training.trainer.rollout_recorder import next_attempt
from assay.training.trainer.run_record import RunRecord


def rank_and_world_size() -> tuple[int, int]:
    """Return this process's rank and the number of processes, as the launcher set them; (0, 1) without one."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def merged_model(trainer: Any) -> Any:
    """Return the trained model as an ordinary one, with adapters merged into its weights."""
    model = trainer.accelerator.unwrap_model(trainer.model)
    return model.merge_and_unload() if hasattr(model, "merge_and_unload") else model


def resume_record(record: RunRecord, state: ResumeState, steps: int, revisions: Callable[[int], Sequence[str]]) -> None:
    """Bring a run's record to a state's step; rollouts of earlier attempts at the steps to come are superseded.

    Args:
        record: Of the run.
        state: From which the run goes on.
        steps: Of the whole run.
        revisions: Gives the policy revisions under which an attempt at the steps to come stores rollouts.
    """
    record.tokens = state.tokens
    if record.rank == 0:
        record.attempt = next_attempt(record.sink, revisions)
    if record.processes > 1:
        from accelerate.utils import broadcast_object_list

        (record.attempt,) = broadcast_object_list([record.attempt])
    if state.step or record.attempt:
        attempt = f"; attempt {record.attempt + 1} from there" if record.attempt else ""
        record.reporter.say(f"continuing after step {state.step} of {steps}{attempt}")


def run_steps(trainer: Any, saver: Any, sink: RolloutSink, states: Path) -> float:
    """Run the steps after the last resume state. However it ends, what was generated is stored.

    Args:
        trainer: One of TRL's.
        saver: Its `StateSaver`.
        sink: Of the run.
        states: Folder of the resume states.

    Returns:
        The seconds.

    Raises:
        Stopped: the run was asked to stop; its state is kept.
    """
    began = time.perf_counter()
    folder, _ = latest_state(states)
    try:
        trainer.train(resume_from_checkpoint=folder and str(folder))
    finally:
        sink.flush()
        _remove_empty(states)
    if saver.stopped:
        progress = f"step {trainer.state.global_step} of {trainer.args.max_steps}"
        raise Stopped(f"stopped on request after {progress}; its state is saved")
    return time.perf_counter() - began


def save_result(
    trainer: Any,
    record: RunRecord,
    settings: Mapping[str, Any],
    output: Path,
    states: Path,
    *,
    average: float,
    use_cache: Any,
) -> Path:
    """Write the checkpoint to `output/step-N`, in the first process; with an average, the last weights go beside it.

    Args:
        trainer: After its last step.
        record: Of the run.
        settings: What `training.json` holds of them.
        output: Folder of the checkpoint.
        states: Folder of the resume states.
        average: Weight of the newest state in the average; 0 = none.
        use_cache: Of the model's config, which the library turns off.

    Returns:
        The folder `step-N`.
    """
    steps = trainer.args.max_steps
    target = output / f"step-{steps}"
    if record.rank == 0:
        model = merged_model(trainer)
        model.config.use_cache = use_cache
        content = _checkpoint_record(record, settings)
        if average:
            save_checkpoint(model, trainer._tokenizer, target.with_name(f"{target.name}-last"), content)
            _load_average(model, states, steps, average)
        save_checkpoint(model, trainer._tokenizer, target, content)
    trainer.accelerator.wait_for_everyone()
    return target


def _remove_empty(states: Path) -> None:
    """Leave no folder of a run without a resume state."""
    for folder in (states, states.parent):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _load_average(model: Any, states: Path, steps: int, average: float) -> None:
    """Replace the model's weights by their average with those of the last states before."""
    folders = [path for path in complete_states(states) if path.name != f"checkpoint-{steps}"][1 - KEPT_STATES :]
    weights = average_checkpoints(folders, model.state_dict(), average)
    model.load_state_dict(weights, strict=False)  # tied weights have one name in the states


def _checkpoint_record(record: RunRecord, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "run": record.run,
        "base": asdict(record.base),
        "sampler": asdict(record.sampler),
        "settings": dict(settings),
        "rewards": record.reward_means,
    }
