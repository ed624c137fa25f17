"""Resume a killed run from its last complete state: weights, optimizer, random streams, and what the run knew."""

import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.errors import ConfigError
from assay.core.ports import OnlineCurriculum
from assay.training.checkpoints.save import fsync_path

CURRICULUM_FILE = "curriculum.npz"
COMPLETE_FILE = "whole.json"  # written last: a folder without it was being written when the process ended


@dataclass(frozen=True, slots=True)
class ResumeState:
    """What a run knows besides TRL's own state."""

    step: int = 0  # steps done
    tokens: int = 0  # generated in these
    rewards: tuple[float | None, ...] = ()  # mean per step; None where nothing could be judged
    more: dict[str, Any] = field(default_factory=dict)  # what other parts of training must remember


def states_folder(output: Path, run: str) -> Path:
    """Return the hidden folder of a run's states, which is deleted when the run is done."""
    return output / f".run-{run[:16]}"


def mark_complete(folder: Path, state: ResumeState) -> None:
    """Bring the state in a folder to the disk, and make it one to resume from."""
    for path in (*(path for path in folder.rglob("*") if path.is_file()), folder):
        fsync_path(path)
    fresh = folder / f".{COMPLETE_FILE}"
    fresh.write_text(json.dumps(asdict(state)), encoding="utf-8")
    fsync_path(fresh)
    os.replace(fresh, folder / COMPLETE_FILE)
    fsync_path(folder)


def save_curriculum(folder: Path, curriculum: OnlineCurriculum) -> None:
    """Write an online curriculum's state to a state's folder."""
    arrays = curriculum.state_dict()
    np.savez(folder / CURRICULUM_FILE, **arrays)  # type: ignore[arg-type]  # its stub takes one array more by name


def restore_curriculum(folder: Path | None, curriculum: OnlineCurriculum) -> None:
    """Bring an online curriculum to where it was when the state was saved; None leaves it at its beginning.

    Raises:
        ConfigError: the state holds none, or one of another pool, settings or seed.
    """
    if folder is None:
        return
    if not (folder / CURRICULUM_FILE).is_file():
        raise ConfigError(
            f"{str(folder)!r} contains no {CURRICULUM_FILE}, so the curriculum cannot continue from there; "
            "it was saved without an online curriculum"
        )
    with np.load(folder / CURRICULUM_FILE) as arrays:
        curriculum.load_state_dict(dict(arrays))


def latest_state(states: Path) -> tuple[Path | None, ResumeState]:
    """Return the newest complete state and its folder; None and step 0 where there is none."""
    folders = complete_states(states)
    return (folders[-1], _read(folders[-1] / COMPLETE_FILE)) if folders else (None, ResumeState())


def complete_states(states: Path) -> list[Path]:
    """Return the folders of the complete states, oldest first."""
    return sorted(
        (path.parent for path in states.glob(f"checkpoint-*/{COMPLETE_FILE}")),
        key=lambda path: int(path.name.rpartition("-")[2]),
    )


def delete_states(states: Path, *, keep_last: bool = False) -> None:
    """Delete the folder of states, if there is one; `keep_last` leaves the newest state in it."""
    if not keep_last:
        shutil.rmtree(states, ignore_errors=True)
        return
    for folder in complete_states(states)[:-1]:
        shutil.rmtree(folder, ignore_errors=True)


def begin_at_state(states: Path, state: Path | None) -> None:
    """Copy the last state of a shorter training to a run that has none of its own; None leaves the run at its start."""
    if state is None or complete_states(states):
        return
    target = states / state.name
    unfinished = target.with_name(f".{target.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(state, unfinished)
    unfinished.rename(target)


def _read(path: Path) -> ResumeState:
    tree = json.loads(path.read_text(encoding="utf-8"))
    return ResumeState(tree["step"], tree["tokens"], tuple(tree["rewards"]), tree["more"])
