"""What fsck names as the way back brings the lost rows back: of every table of a finished run, a damaged file, fsck, and the command."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.api import Silence
from assay.core.plan import Plan, read_plan
from assay.pipelines.job import Job
from assay.pipelines.walk import walk
from assay.stores.fsck import fsck
from assay.stores.lake import Lake
from assay.stores.upkeep import STAGE

LINEAGE = ("run", "seconds", "time")


def curated(plan: Plan, upto: str = "arrange") -> None:
    with Lake(plan.lake) as lake, Job(plan, lake, Silence(), command=f"curate {upto}") as job:
        walk(job, upto=upto)


def rows(place: str, table: str) -> list[str]:
    with Lake(place, create=False) as lake:
        return sorted(repr({name: value for name, value in row.items() if name not in LINEAGE}) for row in lake.rows(f"SELECT * FROM {table}"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, scripted: Callable[..., Path]) -> Plan:
    plan = read_plan(scripted(tmp_path_factory.mktemp("restoring"), problems=8, split={"held_out": 2}, select={"budget": 3}), [])
    curated(plan)
    return plan


TABLES = (
    "problems",
    "labels",
    "members",
    "splits",
    "samplers",
    "rollouts",
    "texts",
    "verdicts",
    "scores",
    "vectors",
    "clusters",
    "selections",
    "lessons",
)


@pytest.mark.service
@pytest.mark.parametrize("table", TABLES)
def test_the_named_command_brings_the_rows_back(tmp_path: Path, finished: Plan, table: str) -> None:
    place = str(tmp_path / "lake")
    shutil.copytree(finished.lake, place)
    plan, before = finished.model_copy(update={"lake": place}), rows(place, table)
    with Lake(place) as lake:
        victim = Path(lake.files()[table][0])
    victim.write_bytes(victim.read_bytes()[:-7])
    (found, *_) = fsck(place)
    assert found.kind == "broken"
    if not found.restore:
        assert "`curate fsck --drop` takes the attempts out, and `curate score PLAN` redoes them" in found.said
        (found, *_) = fsck(place, drop=True)
    assert len(rows(place, table)) < len(before)
    assert found.restore.startswith("curate ")
    stage = found.restore.split()[1]
    assert stage == STAGE[table]
    curated(plan, upto=stage)
    after = rows(place, table)
    assert after == before if table != "verdicts" else len(after) == len(before)
    assert [finding for finding in fsck(place) if finding.harm] == []


def test_any_tables_outcomes(finished: Plan) -> None:
    assert all(rows(str(finished.lake), table) for table in TABLES)
