"""A run that was killed goes on from its last whole state: weights, optimiser, random streams, and what the run knew."""

import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.errors import ConfigError
from assay.core.ports import OnlineCurriculum
from assay.training.checkpoints.save import sync

COURSE = "curriculum.npz"
WHOLE = "whole.json"  # written last: a folder without it was being written when the process ended


@dataclass(frozen=True, slots=True)
class ResumeState:
    """What a run knows beside TRL's own state."""

    step: int = 0  # steps done
    tokens: int = 0  # generated in these
    rewards: tuple[float | None, ...] = ()  # mean of each step; None where nothing could be judged
    more: dict[str, Any] = field(default_factory=dict)  # what other parts of training must remember


def states_of(output: Path, run: str) -> Path:
    """The folder of a run's states; hidden, and gone when the run is done."""
    return output / f".run-{run[:16]}"


def mark_whole(folder: Path, state: ResumeState) -> None:
    """The state in `folder` is on the disk, and from now on it is one to go on from."""
    for file in (*(path for path in folder.rglob("*") if path.is_file()), folder):
        sync(file)
    fresh = folder / f".{WHOLE}"
    fresh.write_text(json.dumps(asdict(state)), encoding="utf-8")
    sync(fresh)
    os.replace(fresh, folder / WHOLE)
    sync(folder)


def keep_course(folder: Path, course: OnlineCurriculum) -> None:
    """The curriculum's state lies in the folder."""
    np.savez(folder / COURSE, **course.state_dict())  # type: ignore[arg-type]  # its stub takes one array more by name


def restore_course(folder: Path | None, course: OnlineCurriculum) -> None:
    """The curriculum stands where it stood when the state was kept.

    Raises:
        ConfigError: the state holds none, or one of another pool, settings or seed.
    """
    if folder is None:
        return
    if not (folder / COURSE).is_file():
        raise ConfigError(
            f"{str(folder)!r} holds no {COURSE}, so the curriculum cannot go on from there; it was kept without an online curriculum"
        )
    with np.load(folder / COURSE) as found:
        course.load_state_dict(dict(found))


def latest(states: Path) -> tuple[Path | None, ResumeState]:
    """The newest whole state and its folder; nothing and step 0 where there is none."""
    folders = whole(states)
    return (folders[-1], _read(folders[-1] / WHOLE)) if folders else (None, ResumeState())


def whole(states: Path) -> list[Path]:
    """Folders of the whole states, oldest first."""
    return sorted(
        (path.parent for path in states.glob(f"checkpoint-*/{WHOLE}")),
        key=lambda path: int(path.name.rpartition("-")[2]),
    )


def clear(states: Path) -> None:
    """The folder of states is gone."""
    shutil.rmtree(states, ignore_errors=True)


def _read(path: Path) -> ResumeState:
    tree = json.loads(path.read_text(encoding="utf-8"))
    return ResumeState(tree["step"], tree["tokens"], tuple(tree["rewards"]), tree["more"])
