"""A plan over a few sums, four of them held out."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def config(scripted: Callable[..., Path], tmp_path: Path) -> Path:
    return scripted(tmp_path, split={"held_out": 4})
