"""Every table's schema says what each column means, what it refers to, who makes its rows and what `forget` does with them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from assay.stores import references
from assay.stores.lake import Lake
from assay.stores.maintenance.compaction import forget, must_know
from assay.stores.maintenance.fsck import fsck
from assay.stores.schema import RUNS, TEXT, column, sql_type, table
from assay.stores.tables import schemas

AddTable = Callable[[str, pa.Schema], None]


def test_every_table_starts_with_its_id_and_ends_with_its_run() -> None:
    for name, schema in schemas().items():
        assert (schema.names[0], schema.names[-1]) == ("id", "run"), name


def test_every_column_says_what_it_means() -> None:
    for name, schema in schemas().items():
        for field in schema:
            assert (field.metadata or {}).get(b"meaning"), f"{name}.{field.name}"
            assert sql_type(field.type)


def test_every_table_says_what_it_refers_to_who_makes_it_and_what_becomes_of_its_rows() -> None:
    assert references.schema_faults(schemas()) == []


def test_what_nothing_writes_again_has_no_command() -> None:
    assert references.restore_command("scores") == "curate score CONFIG"
    assert references.restore_command("drops") == "curate ingest CONFIG && curate clean CONFIG"
    assert references.restore_command("train_metrics") == "train run CONFIG"
    assert references.restore_command("targets") == "curate synthesize CONFIG"
    assert {name for name in schemas() if not references.restore_command(name)} == {
        *("policies", "completions", "verifier_audits"),  # made while attempts are drawn, with them, and by hand
        "tags",
        "tag_rows",  # a release is of its moment
        "extensions",  # by `curate extend CONFIG --max-tokens N`
        *("runs", "stages", "tombstones"),
    }


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        (pa.schema([pa.field("id", TEXT), pa.field("problem_id", TEXT)]), "says neither who makes its rows"),
        (table(column("problem_id", TEXT, "of the question"), made_by=("grade",)), "problem_id does not say what"),
        (table(column("of", TEXT, "rollouts.id"), made_by=("grade",)), "of means rollouts.id and does not say"),
        (table(column("of", TEXT, "x", refers="rolouts.id"), made_by=("grade",)), "refers to rolouts.id, which is"),
        (table(column("mark", TEXT, "x"), made_by=("grade",)), "`forget` can reach none of its rows"),
    ],
)
def test_a_table_without_metadata_is_named(added: AddTable, schema: pa.Schema, fault: str) -> None:
    added("grades", schema)
    (found, *_) = references.schema_faults(schemas())
    assert found.startswith(f"grades: {fault}")


GRADES = table(
    column("rollout_id", TEXT, "rollouts.id", refers="rollouts.id"),
    column("mark", TEXT, "what a person thought of it"),
    made_by=("score",),
)
COMMENTS = table(column("grade_id", TEXT, "grades.id", refers="grades.id"), made_by=("score",))
MARKS = table(column("source", TEXT, "problems.source", refers="problems.source"), made_by=("ingest",))


def test_a_new_table_is_forgotten_with_what_it_refers_to(
    tmp_path: Path, added: AddTable, attempted: Callable[..., dict[str, list[dict[str, Any]]]]
) -> None:
    for name, schema in (("grades", GRADES), ("comments", COMMENTS), ("marks", MARKS)):
        added(name, schema)
    assert references.schema_faults(schemas()) == []
    with Lake(tmp_path / "lake") as lake:
        lake.append({"problems": [{"id": "p", "source": "theirs"}, {"id": "q", "source": "ours"}]})
        for problem in "pq":
            attempt = attempted(problem, "c")
            grades = [{"id": f"g{problem}", "rollout_id": attempt["rollouts"][0]["id"]}]
            lake.append({**attempt, "grades": grades, "comments": [{"id": f"c{problem}", "grade_id": f"g{problem}"}]})
        lake.append({"marks": [{"id": "m", "source": "theirs"}, {"id": "n", "source": "nobody's"}]})
        must_know(lake, "source", "nobody's")
        forget(lake, "source", "theirs", keep_s=0)
        assert [row["id"] for row in lake.rows("SELECT id FROM grades")] == ["gq"]
        assert [row["id"] for row in lake.rows("SELECT id FROM comments")] == ["cq"]
        assert [row["id"] for row in lake.rows("SELECT id FROM marks")] == ["n"]
        assert lake.rows("SELECT run FROM lineage WHERE \"table\" = 'grades'") == [{"run": ""}]
        forget(lake, "policy", "rev", keep_s=0)
        assert lake.rows("SELECT id FROM grades UNION SELECT id FROM comments") == []
        assert len(lake.rows("SELECT id FROM tombstones WHERE \"table\" IN ('grades', 'comments')")) == 4


def test_a_new_table_that_is_damaged_comes_with_its_command_and_loses_its_ledger_lines(
    tmp_path: Path, added: AddTable, attempted: Callable[..., dict[str, list[dict[str, Any]]]]
) -> None:
    added("grades", GRADES)
    with Lake(tmp_path / "lake") as lake:
        attempt = attempted("p", "cc")
        lake.append({**attempt, "grades": [{"id": "g", "rollout_id": attempt["rollouts"][0]["id"]}]})
        lake.append({"stages": [{"id": name, "stage": name, "key": "k"} for name in ("ingest", "score")]})
        victim = Path(lake.files()["grades"][0])
    victim.write_bytes(victim.read_bytes()[:-7])
    (found,) = fsck(tmp_path / "lake")
    assert (found.kind, found.table, found.restore) == ("broken", "grades", "curate score CONFIG")
    with Lake(tmp_path / "lake") as lake:
        assert [row["stage"] for row in lake.rows("SELECT stage FROM stages")] == ["ingest"]
        lake.append({"grades": [{"id": "g", "rollout_id": attempt["rollouts"][0]["id"]}]})
        victim = Path(lake.files()["rollouts"][0])
    victim.write_bytes(victim.read_bytes()[:-7])
    fsck(tmp_path / "lake")
    with Lake(tmp_path / "lake") as lake:
        assert lake.rows("SELECT id FROM grades") == []


def test_bookkeeping_is_no_part_of_lineage() -> None:
    assert {name for name in schemas() if references.made_by(name) == RUNS} == {"runs", "stages", "tombstones"}
    assert set(references.traced_tables()) == set(schemas()) - {"runs", "stages", "tombstones"}
