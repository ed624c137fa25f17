"""Take over another lake's rows: each id once, in commits that a killed merge leaves whole.

Ids are content hashes, so a row that both lakes have is the same row. Three kinds of rows stay behind, because they
would say something false here:

- attempts under an id that this lake has with another text (two lakes drew the same sample), and what refers to them;
- results under a key under which this lake has results of its own;
- rows of a policy or a source that this lake was asked to delete.

A line of the ledger comes along only where every row that its stage wrote does, and last of all.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from assay.core.errors import LakeError
from assay.core.identity import content_id
from assay.stores.lake import Lake
from assay.stores.references import (
    SUBJECTS,
    follows,
    ledger_keys,
    made_by,
    part_of,
    redrawn_tables,
    rows_of,
    rows_that_need,
    targets,
)
from assay.stores.schema import quoted
from assay.stores.tables import schemas

CHUNK = 50_000  # rows of a table per commit
LEDGER, UNSHARED = "stages", ("tombstones", "stages")  # what this lake deleted is its own affair; the ledger comes last


@dataclass(slots=True)
class MergeResult:
    """Rows by table."""

    added: dict[str, int] = field(default_factory=dict)
    present: dict[str, int] = field(default_factory=dict)  # were here already
    withheld: dict[str, int] = field(default_factory=dict)  # stayed behind
    reasons: dict[str, int] = field(default_factory=dict)  # why -> attempts, keys or names that are concerned


def merge_lakes(lake: Lake, other: Lake, *, run: str = "") -> MergeResult:
    """Add another lake's rows to this one. A killed merge is gone on with by the same call.

    Checkpoints and other files beside the tables are not copied.

    Args:
        lake: gets the rows; they keep the runs that wrote them.
        other: is read as it is now, and not changed.
        run: the run that the commits name.

    Raises:
        LakeError: both are one lake, a file of one is damaged, or the disk refused.
    """
    if lake.storage.place == other.storage.place or lake.root.resolve() == other.root.resolve():
        raise LakeError(f"{other.place} is this lake itself: name another lake to merge")
    result = MergeResult()
    with other.pin_snapshot():
        conditions = _withheld(lake, other, result)
        for table in _ordered(other):
            _take_over(lake, other, table, conditions.get(table, "false"), result, run)
        _take_over(lake, other, LEDGER, _unclaimed(lake, other, conditions), result, run)
    return result


def _take_over(lake: Lake, other: Lake, table: str, condition: str, result: MergeResult, run: str) -> None:
    """Add a table's rows, with the parts of each in its commit."""
    if not other.files().get(table):
        return
    ids = _ids(other, table, f"({condition}) IS NOT TRUE")
    behind = len(_ids(other, table, "true")) - len(ids)
    stored_ids = lake.ids(table, ids)
    fresh = [id_ for id_ in ids if id_ not in stored_ids]
    parts = [name for name in schemas() if part_of(name) == table and other.files().get(name)]
    n_added = 0
    for start in range(0, len(fresh), CHUNK):
        chunk = fresh[start : start + CHUNK]
        sql = 'SELECT * FROM "{}" WHERE id IN (SELECT unnest(?::VARCHAR[]))'
        rows = {name: other.query(sql.format(name), [chunk]) for name in (*parts, table)}
        n_added += lake.append(rows, run=run, known=()) - sum(rows[name].num_rows for name in parts)
        for name in parts:
            result.added[name] = result.added.get(name, 0) + rows[name].num_rows
    counts = ((result.added, n_added), (result.present, len(stored_ids)), (result.withheld, behind))
    for counts_by_table, count in counts:
        if count:
            counts_by_table[table] = counts_by_table.get(table, 0) + count


def _ordered(other: Lake) -> Iterator[str]:
    """Yield tables so that a row's references are there before it; parts come with the rows that they are parts of."""
    done_names, waiting = set[str](), [name for name in schemas() if name not in UNSHARED and not part_of(name)]
    while waiting:
        ready = [name for name in waiting if not _referred(name) & set(waiting) - {name}] or waiting[:1]
        for name in ready:
            waiting.remove(name)
            done_names.add(name)
            yield name


def _referred(table: str) -> set[str]:
    return {
        target.partition(".")[0]
        for column in schemas()[table]
        for target in targets(column)
        if target.endswith(".id") and target.partition(".")[0] not in UNSHARED
    }


def _withheld(lake: Lake, other: Lake, result: MergeResult) -> dict[str, str]:
    """Return SQL conditions, by table, of the other lake's rows that stay behind."""
    conditions: dict[str, list[str]] = {}

    def withhold(table: str, condition: str) -> None:
        conditions.setdefault(table, []).append(condition)

    for subject, value in _deleted(lake):
        result.reasons["deleted here before"] = result.reasons.get("deleted here before", 0) + 1
        for table, condition in rows_of(subject, value).items():
            withhold(table, condition)
    if twin_attempts := _drawn_apart(lake, other):
        result.reasons["drawn with another text here"] = len(twin_attempts)
        for table, condition in _with_what_needs_it(redrawn_tables()[0], f"id IN ({_list(twin_attempts)})").items():
            withhold(table, condition)
    for table, keys in _own_results(lake, other).items():
        result.reasons["results of its own here"] = result.reasons.get("results of its own here", 0) + len(keys)
        withhold(table, f'"{_result_key(table)}" IN ({_list(keys)})')
    return {table: " OR ".join(f"({part})" for part in parts) for table, parts in conditions.items()}


def _deleted(lake: Lake) -> list[tuple[str, str]]:
    rows = lake.rows("SELECT DISTINCT what, value FROM tombstones ORDER BY what, value")
    return [(row["what"], row["value"]) for row in rows if row["what"] in SUBJECTS]


def _drawn_apart(lake: Lake, other: Lake) -> list[str]:
    """Return the attempts whose ids both lakes have, with different texts."""
    apart = list[str]()
    common = sorted(lake.ids("rollouts", _ids(other, "rollouts", "true")))
    for start in range(0, len(common), CHUNK):
        chunk = common[start : start + CHUNK]
        sql = "SELECT id, md5(text) AS text FROM completions WHERE id IN (SELECT unnest(?::VARCHAR[]))"
        ours, theirs = ({row["id"]: row["text"] for row in place.rows(sql, [chunk])} for place in (lake, other))
        apart += [id_ for id_ in chunk if id_ in ours and id_ in theirs and ours[id_] != theirs[id_]]
    return apart


def _with_what_needs_it(table: str, condition: str) -> dict[str, str]:
    """Return the condition of rows that stay behind, and those of rows that cannot do without them."""
    conditions, waiting = {table: condition}, [table]
    while waiting:
        whole = waiting.pop()
        ids_left = f'SELECT id FROM "{whole}" WHERE ({conditions[whole]}) IS NOT TRUE'
        for name, needs in rows_that_need(whole, ids_left).items():
            if name not in conditions:
                conditions[name] = needs
                waiting.append(name)
    return conditions


def _own_results(lake: Lake, other: Lake) -> dict[str, list[str]]:
    """Return, by table, the keys under which this lake has a result that is not the other's."""
    own: dict[str, list[str]] = {}
    for table in schemas():
        key = _result_key(table)
        if not key or not lake.files().get(table) or not other.files().get(table):
            continue
        sql = f'SELECT DISTINCT "{key}" AS key FROM "{table}"'
        common = {row["key"] for row in lake.rows(sql)} & {row["key"] for row in other.rows(sql)}
        if not common:
            continue
        ours = lake.rows(
            f'SELECT id, "{key}" AS key FROM "{table}" WHERE "{key}" IN (SELECT unnest(?::VARCHAR[]))', [sorted(common)]
        )
        other_ids = other.ids(table, [row["id"] for row in ours])
        if keys := sorted({row["key"] for row in ours if row["id"] not in other_ids}):
            own[table] = keys
    return own


def _unclaimed(lake: Lake, other: Lake, conditions: Mapping[str, str]) -> str:
    """Return the condition of the ledger's lines that stay behind: of stages that lost rows, and present ones."""
    lost_tables = {
        table for table, condition in conditions.items() if other.files().get(table) and _ids(other, table, condition)
    }
    stages = sorted({stage for table in lost_tables for stage in made_by(table)})
    own_lines = lake.rows("SELECT id, stage || ' ' || key AS line FROM stages")
    lines, ids = _list([row["line"] for row in own_lines]), _list([row["id"] for row in own_lines])
    ours = f"stage || ' ' || key IN ({lines}) AND id NOT IN ({ids})" if own_lines else "false"
    return f"stage IN ({_list(stages)}) OR {ours}" if stages else ours


def _result_key(table: str) -> str:
    """Return the column that holds the key under which a table's rows are one result; "" = they are none."""
    if table in ("tags", "tag_rows"):
        return "tag"
    own = next((name for name in schemas()[table].names if name == "scoring_id"), "")
    return (ledger_keys(table) or own) if follows(table) else ""


def _ids(lake: Lake, table: str, condition: str) -> list[str]:
    rows = lake.query(f'SELECT DISTINCT id FROM "{table}" WHERE {condition} ORDER BY id')
    return list(rows["id"].to_pylist())


def _list(values: Sequence[str]) -> str:
    return ", ".join(map(quoted, values)) or "NULL"


def merge_run(lake: Lake, other: Lake) -> str:
    """Return the id of the run that a merge's commits name: of both places, so that a resumed merge is the same run."""
    return content_id("merge", lake.place, other.place)
