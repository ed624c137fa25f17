"""A lake of version 1 (`v1/make_lake.py`) under today's code: nothing that was paid for is lost, nothing that was done is done again."""

import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest

from assay import api
from assay.core.config import read_config
from assay.core.config_upgrade import upgrade_text
from assay.core.parts import load_part
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner import stages
from assay.stores.lake import Lake
from assay.stores.renames import present_name

Ids = dict[str, set[str]]
PAID = (
    "problems",
    "labels",
    "pool_members",
    "rollouts",
    "completions",
    "continuations",
    "searches",
    "search_nodes",
    "vectors",
    "splits",
    "sampling_configs",
)
UNCHANGED = (
    "sums",
    "other",
    "adaptive",
    "mcts",
    "irt",
)  # their filters and their verifier are of the version that they had
THEN = {  # versions that have risen since, on purpose: what depends on them is done anew, without a token
    ("verifier", "math"): {"version": "3"},
    ("verifier", "numeric"): {"version": "1"},
    ("verifier", "exact"): {"version": "1"},
    ("filter", "conflicting_labels"): {"version": "1", "needs": ()},
    ("filter", "exact"): {"version": "1"},
}
KEYS = {
    "sums": {
        "ingest": "aa7e35ca7ecff682e2cbe2e7",
        "clean": "0f47b8f6d96c2a7a3ee28c8b",
        "split": "2fa322c552e431f30e79aee6+e180e7730d2c6aca9659867c",
        "score": "1ff8d324d4b17edd7d7ed60b+71df6a6454053fe0ad303d09",
        "embed": "05e965fc79571d0f3190b68c",
        "select": "f0fb18df1953aa1dfec0a841",
        "order": "8a281f5604c7e16b839d1355",
    },
    "other": {
        "ingest": "aa7e35ca7ecff682e2cbe2e7",
        "clean": "422e654c0113626980c5157a",
        "split": "4634a3fe9d87b78b33d03c88+e180e7730d2c6aca9659867c",
        "score": "92495969c40e081d1ca3487a+56f80e162b3ff8364075faf8",
        "embed": "05e965fc79571d0f3190b68c",
        "select": "a5dbbeba3a27f527b8bad35d",
        "order": "278204fe3d3a9fcbe6d7d4b6",
    },
    "adaptive": {
        "ingest": "aa7e35ca7ecff682e2cbe2e7",
        "clean": "0f47b8f6d96c2a7a3ee28c8b",
        "split": "2fa322c552e431f30e79aee6+e180e7730d2c6aca9659867c",
        "score": "f2879489fac6aa12a69603b7+fa124b2829756bdca7566c0e",
        "embed": "05e965fc79571d0f3190b68c",
        "select": "d44d3d113babfeb001b0e855",
        "order": "0b55f800ff72883d9a63cde7",
    },
    "mcts": {
        "ingest": "aa7e35ca7ecff682e2cbe2e7",
        "clean": "0f47b8f6d96c2a7a3ee28c8b",
        "split": "2fa322c552e431f30e79aee6+e180e7730d2c6aca9659867c",
        "score": "1331e0ca48a6389c7f0163cb+1af4b85eeb6c297ccefd80ad",
        "embed": "05e965fc79571d0f3190b68c",
        "select": "e9bad53f2149f07aaff57280",
        "order": "0a317408334289f980fa4919",
    },
    "irt": {
        "ingest": "aa7e35ca7ecff682e2cbe2e7",
        "clean": "0f47b8f6d96c2a7a3ee28c8b",
        "split": "2fa322c552e431f30e79aee6+e180e7730d2c6aca9659867c",
        "score": "0408d50f0e01e9c2650e0289+583f865f4df5d68c178ef737",
        "embed": "05e965fc79571d0f3190b68c",
        "select": "59686c749aaf0c6e8ea5462a",
        "order": "61e39b60ca6fe55183039a3c",
    },
    "built_in": {
        "ingest": "4a10061d4d7cb6d7d375fd9c+a65d2ebcb4c8d68e1a704a80+6a94c14ce8b067ab3c9dab8d",
        "clean": "6538b39655a69340c40a23b1",
        "split": "e6a34ebeae6c39a6f7f95448+e180e7730d2c6aca9659867c",
        "score": "793a848cf8942a43afe78387+41a4b482133dd4e5380aba34",
        "embed": "aaf41ef1487003d78afae7a3",
        "select": "9370e24e838f9e29879612f7",
        "order": "b6c11eec1556e172f81f67c2",
    },
    "tiny": {
        "ingest": "049282a5b9f48224a079fe93",
        "clean": "220e9b06aea77bb8e26f0506",
        "split": "d9c32cb4abe457145b26a9d0+a45096d3a05f6518db2be62e",
        "score": "9d0e3701011f65285949c09a+88c888ca3ad1d96e253f9bec",
        "embed": "8c4c4a511a996744f1afa244",
        "select": "57ef1365cfd3da0fd4727c0a",
        "order": "50f0f6c555a79c662e188282",
        "train": "47e278d93dbf69ef7526878e",
    },
}


@pytest.fixture
def v1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the zip is unpacked, which is where its configs' relative paths begin; these are upgraded."""
    with zipfile.ZipFile(Path(__file__).with_name("v1") / "v1.zip") as archive:
        archive.extractall(tmp_path)
    for path in tmp_path.glob("*.toml"):
        text, changes = upgrade_text(path.read_text())
        assert changes, "its names are old ones"
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "same", raising=False)
    return tmp_path


def ids(lake: Path) -> Ids:
    """What a lake's files hold, read without the package: ids by the present name of their table."""
    found: Ids = {}
    for path in lake.glob("tables/*/*.parquet"):
        found.setdefault(present_name(path.parent.name), set()).update(
            parquet.read_table(path, columns=["id"])["id"].to_pylist()
        )
    return found


def fresh(before: Ids, after: Ids) -> Ids:
    """Rows that are new, by table; none is gone."""
    assert {table for table, held in before.items() if held - after.get(table, set())} == set()
    return {table: new for table, held in after.items() if (new := held - before.get(table, set()))}


def judged(lake: Path, *verifiers: str) -> set[str]:
    """Rollouts with a verdict of one of these verifiers, as name@version."""
    rows = [row for path in lake.glob("tables/verdicts/*.parquet") for row in parquet.read_table(path).to_pylist()]
    return {row["rollout_id"] for row in rows if f"{row['verifier']}@{row['version']}" in verifiers}


def spent(lake: Path) -> list[tuple[int, int]]:
    """Tokens and attempts of every run that today's code has ended."""
    rows = [
        row
        for path in lake.glob("tables/runs/*.parquet")
        for row in parquet.read_table(path).to_pylist()
        if row["event"] == "end"
    ]
    return [(row["tokens"], row["samples"]) for row in sorted(rows, key=lambda row: row["time"])][8:]


def test_the_lake_names_no_place_of_the_machine_that_made_it(v1: Path) -> None:
    for path in v1.glob("lake/tables/*/*.parquet"):
        rows = parquet.read_table(path).to_pylist()
        assert not [
            row
            for row in rows
            for value in row.values()
            if isinstance(value, str) and ('"/' in value or value.startswith("/"))
        ], path.name


def test_a_run_finds_nothing_to_do_and_writes_nothing_but_that_it_ran(v1: Path, assay: Callable[..., Any]) -> None:
    before = ids(v1 / "lake")
    ran = assay("curate", "run", "sums.toml", "--json")
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["nothing_to_do"]
    assert (told["spent"]["tokens"], told["spent"]["samples"]) == (0, 0)
    assert set(fresh(before, ids(v1 / "lake"))) == {"runs"}


@pytest.mark.parametrize("config", UNCHANGED)
def test_every_stage_of_a_plan_is_found_under_the_key_that_it_had(v1: Path, config: str) -> None:
    before = ids(v1 / "lake")
    made = read_config(Path(f"{config}.toml"))
    with Lake(made.lake) as lake, RunContext(made, lake, api.NullReporter()) as context:
        outcomes = stages.run_stages(context)
        assert (context.meter.tokens, context.meter.samples) == (0, 0)
    assert {each.stage: str(each.key) for each in outcomes} == KEYS[config]
    assert [each.stage for each in outcomes if not each.reused] == []
    assert fresh(before, ids(v1 / "lake")) == {}


def test_where_a_verifiers_version_rose_stored_rollouts_are_judged_anew(v1: Path) -> None:
    before, judged_then = ids(v1 / "lake"), judged(v1 / "lake", "math@3", "numeric@1", "exact@1")
    api.order("built_in.toml")
    after = ids(v1 / "lake")
    assert set(fresh(before, after)) & set(PAID) == set()
    assert len(judged_then) == 84
    assert (
        judged(v1 / "lake", *(f"{name}@{load_part('verifier', name).version}" for name in ("math", "numeric", "exact")))
        == judged_then
    )
    assert spent(v1 / "lake") == [(0, 0)]
    api.order("built_in.toml")
    assert set(fresh(after, ids(v1 / "lake"))) == {"runs"}


def test_at_the_versions_of_then_its_stages_are_found_too(v1: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for (kind, name), attributes in THEN.items():
        for attribute, value in attributes.items():
            monkeypatch.setattr(load_part(kind, name), attribute, value)
    before = ids(v1 / "lake")
    api.order("built_in.toml")
    assert set(fresh(before, ids(v1 / "lake"))) == {"runs"}


def test_a_training_is_found_and_not_done_again(v1: Path) -> None:
    before = ids(v1 / "lake")
    log = api.train("tiny.toml")
    assert set(log["training"].to_pylist()) == {KEYS["tiny"]["train"]}
    assert set(fresh(before, ids(v1 / "lake"))) == {"runs"}
    assert spent(v1 / "lake") == [(0, 0)]


def test_the_same_plans_on_an_empty_lake_get_the_ids_that_they_had(v1: Path) -> None:
    """Every table is compared whose ids do not hash measured numbers, which may differ in their last digit between machines."""
    for config in ("sums", "adaptive", "mcts"):
        api.embed(f"{config}.toml", lake="anew")
    then, now = ids(v1 / "lake"), ids(v1 / "anew")
    assert {table for table in PAID if not now.get(table)} == set()
    assert {table for table, held in now.items() if held - then[table] and table not in ("runs", "scores")} == set()
