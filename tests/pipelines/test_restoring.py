"""What fsck names as the way back brings the lost rows back: of every table of a finished run, a damaged file, fsck, and the command."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.api import NullReporter
from assay.core.config import Config, read_config
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.stores.lake import Lake
from assay.stores.maintenance.fsck import fsck
from assay.stores.references import restored_by

LINEAGE = ("run", "seconds", "time")


def curated(config: Config, upto: str = "order") -> None:
    with Lake(config.lake) as lake, RunContext(config, lake, NullReporter(), command=f"curate {upto}") as context:
        run_stages(context, upto=upto)


def rows(place: str, table: str) -> list[str]:
    with Lake(place, create=False) as lake:
        return sorted(
            repr({name: value for name, value in row.items() if name not in LINEAGE})
            for row in lake.rows(f"SELECT * FROM {table}")
        )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, scripted: Callable[..., Path]) -> Config:
    config = read_config(
        scripted(tmp_path_factory.mktemp("restoring"), problems=8, split={"held_out": 2}, select={"budget": 3}), []
    )
    curated(config)
    return config


TABLES = (
    "problems",
    "labels",
    "pool_members",
    "splits",
    "sampling_configs",
    "rollouts",
    "completions",
    "verdicts",
    "scores",
    "vectors",
    "clusters",
    "selections",
    "curriculum",
)


@pytest.mark.service
@pytest.mark.parametrize("table", TABLES)
def test_the_named_command_brings_the_rows_back(tmp_path: Path, finished: Config, table: str) -> None:
    place = str(tmp_path / "lake")
    shutil.copytree(finished.lake, place)
    config, before = finished.model_copy(update={"lake": place}), rows(place, table)
    with Lake(place) as lake:
        victim = Path(lake.files()[table][0])
    victim.write_bytes(victim.read_bytes()[:-7])
    (found, *_) = fsck(place)
    assert found.kind == "broken"
    if not found.restore:
        assert (
            "`curate lake fsck --drop` removes the attempts, and `curate score CONFIG` samples them again" in found.said
        )
        (found, *_) = fsck(place, drop=True)
    assert len(rows(place, table)) < len(before)
    assert found.restore.startswith("curate ")
    stages = [command.split()[1] for command in found.restore.split(" && ")]
    assert stages == [
        stage for stage in restored_by(table) if stage != "refresh"
    ]  # which the loop does again by itself
    for stage in stages:
        curated(config, upto=stage)
    after = rows(place, table)
    assert after == before if table != "verdicts" else len(after) == len(before)
    assert [finding for finding in fsck(place) if finding.harm] == []


def test_any_tables_outcomes(finished: Config) -> None:
    assert all(rows(str(finished.lake), table) for table in TABLES)
