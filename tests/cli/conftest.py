"""A plan over a few sums, four of them held out, and a copy of the lake that its run leaves."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def config(scripted: Callable[..., Path], tmp_path: Path) -> Path:
    return scripted(tmp_path, split={"held_out": 4})


@pytest.fixture(scope="session")
def finished_config(
    scripted: Callable[..., Path], start_command: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The plan after its run, which is made once a session: to copy, not to write."""
    folder = tmp_path_factory.mktemp("finished")
    config = scripted(folder, split={"held_out": 4})
    command = start_command(["curate", "run", str(config)], folder, {**os.environ}, stderr=subprocess.PIPE)
    _, error = command.communicate(timeout=120)
    assert command.returncode == 0, error
    return config


@pytest.fixture
def curated(finished_config: Path, tmp_path: Path) -> Path:
    """The plan with a lake of the test's own, in which its run is done."""
    shutil.copytree(finished_config.parent / "lake", tmp_path / "lake")
    config = tmp_path / finished_config.name
    config.write_text(finished_config.read_text().replace(f'"{finished_config.parent}/lake"', f'"{tmp_path}/lake"'))
    return config
