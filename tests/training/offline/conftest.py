"""Stored rows over the four problems of `room`, and `stored.sft(**changes)`, `stored.dpo` and `stored.kto`."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assay.core.export_rows import ChatTurn
from assay.core.training_rows import PairRow, TargetRow
from assay.training.dpo import train_dpo
from assay.training.kto import train_kto
from assay.training.offline.settings import OfflineSettings
from assay.training.sft import train_sft

ARGUMENTS = ("held_out", "stop", "on_saved", "run")


def prompt(text: str) -> tuple[ChatTurn, ...]:
    return (ChatTurn(role="user", content=text),)


def targets() -> list[TargetRow]:
    return [TargetRow(f"t{n}", f"p{n}", prompt(f"{n}+{n}=?"), f"it is {2 * n}.") for n in range(1, 6)]


def pairs() -> list[PairRow]:
    return [PairRow(f"q{n}", f"p{n}", prompt(f"{n}+{n}=?"), str(2 * n), f"{2 * n + 1}?", margin=1.0) for n in range(6)]


def judged() -> list[TargetRow]:
    return [replace(row, desirable=place % 3 > 0) for place, row in enumerate(targets())]


@pytest.fixture
def stored(room: SimpleNamespace) -> SimpleNamespace:
    """What `room` has, and trainings on stored rows."""
    room.settings = OfflineSettings(rows_per_step=2, learning_rate=1e-2, steps=4)

    def call(train: Any, rows: Any, *, checkpoint: Path = room.tiny, output: Path = room.output, **changes: Any) -> Any:
        settings = {name: value for name, value in changes.items() if name not in ARGUMENTS}
        return train(
            rows,
            checkpoint=checkpoint,
            base=room.base,
            sampler=room.sampler,
            judge=room.judge,
            sink=room.sink,
            settings=replace(room.settings, **settings),
            output=output,
            reporter=room.reporter,
            **{name: value for name, value in changes.items() if name in ARGUMENTS},
        )

    room.sft = lambda rows=None, **changes: call(train_sft, targets() if rows is None else rows, **changes)
    room.kto = lambda rows=None, **changes: call(train_kto, judged() if rows is None else rows, **changes)
    room.dpo = lambda rows=None, **changes: call(train_dpo, pairs() if rows is None else rows, **changes)
    return room
