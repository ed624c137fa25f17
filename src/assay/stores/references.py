"""What the schemas say of references: rows of a policy or source, stages that write a table, rows that need others.

`forget`, `fsck`, `curate report`, the cost estimate and the view `lineage` use this instead of lists of tables.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache

import pyarrow as pa

from assay.stores.schema import RUNS, quoted
from assay.stores.tables import schemas

# what can be forgotten: the column that identifies it, and the one that holds its name; "" = the first is its name
SUBJECTS = {
    "policy": ("policies.policy", "policies.name"),
    "source": ("problems.source", ""),
}
COMMANDS = {
    "train": "train run CONFIG",
    "sft": "",  # `train sft`, `train dpo` or `train kto`, where these made the rows
    "dpo": "",
    "kto": "",
    "tag": "",  # a release is of its moment
    "refresh": "",  # `train loop` does it again when it goes on
}  # of stages whose command is not `curate STAGE CONFIG`
NAMED = re.compile(r"\b([a-z_]+)\.([a-z_]+)\b")


def made_by(table: str) -> tuple[str, ...]:
    """Return the stages that write a table's rows; `schema.RUNS` of bookkeeping."""
    return tuple(json.loads(_metadata(schemas()[table], "made_by") or "[]"))


def restored_by(table: str) -> tuple[str, ...]:
    """Return the stages that write a table's lost rows again; () where nothing does."""
    return () if made_by(table) == RUNS or _metadata(schemas()[table], "lost") else made_by(table)


def restore_command(table: str) -> str:
    """Return the shell commands that bring a table's lost rows back.

    "" where nothing does, as for a table that holds parts of rows that still count.
    """
    if part_of(table):
        return ""
    commands = (COMMANDS.get(stage, f"curate {stage} CONFIG") for stage in restored_by(table))
    return " && ".join(command for command in commands if command)


def traced_tables() -> list[str]:
    """Return the tables whose rows `lineage` shows: all but bookkeeping."""
    return [table for table in schemas() if made_by(table) != RUNS]


def part_of(table: str) -> str:
    """Return the table whose rows this table's rows are parts of, under the same ids; "" = none."""
    return next((target.partition(".")[0] for target in targets(schemas()[table].field("id"))), "")


def redrawn_tables() -> list[str]:
    """Return the tables whose rows get another content under the same id when they are made again."""
    return [table for table, schema in schemas().items() if _metadata(schema, "redrawn")]


def written_with(table: str) -> list[str]:
    """Return the tables that the same stages write and whose rows cannot do without a row of this table."""
    return [name for name, _, _ in _needing(table) if made_by(name) == made_by(table)]


def rows_that_need(table: str, ids_left: str) -> dict[str, str]:
    """Write which rows cannot stay once a table has lost rows.

    Args:
        table: the table that lost rows.
        ids_left: a SELECT of the ids that it still has.

    Returns:
        SQL conditions by table.
    """
    conditions: dict[str, list[str]] = {}
    for name, column, others in _needing(table):
        absent = [
            f'"{column}" NOT IN ({ids_left})',
            *(f'"{column}" NOT IN (SELECT id FROM {other})' for other in others),
        ]
        conditions.setdefault(name, []).append(" AND ".join(absent))
    return {name: " OR ".join(f"({part})" for part in parts) for name, parts in conditions.items()}


def rows_of(by: str, value: str) -> dict[str, str]:
    """Write which rows belong to a policy or a source, however many references away.

    Args:
        by: a key of SUBJECTS.
        value: the policy's revision or name, the source's name.

    Returns:
        SQL conditions by table, of the tables whose rows can belong to one.
    """
    identity = SUBJECTS[by][0]
    values = [f"SELECT {quoted(value)}"]
    values += [f'SELECT "{key}" FROM {table} WHERE "{alias}" = {quoted(value)}' for table, key, alias in _named(by)]
    subjects = f"({' UNION '.join(values)})"
    conditions: dict[str, str] = {}

    def condition(table: str) -> str:
        if table not in conditions:
            conditions[table] = ""  # a table that refers to itself
            conditions[table] = " OR ".join(parts(table)) if follows(table) else ""
        return conditions[table]

    def parts(table: str) -> Iterator[str]:
        for field in schemas()[table]:
            for target in targets(field):
                other, _, column = target.partition(".")
                if target == identity:
                    yield f'"{field.name}" IN {subjects}'
                elif column == "id" and other != table and (inner := condition(other)):
                    yield f'"{field.name}" IN (SELECT id FROM {other} WHERE {inner})'

    return {table: rows for table in schemas() if (rows := condition(table))}


def names_of(by: str) -> str:
    """Write a SELECT of every name under which a policy or source is known, as `name`."""
    identity, alias = SUBJECTS[by]
    columns = [
        (table, field.name)
        for table, schema in schemas().items()
        if follows(table)
        for field in schema
        if not _metadata(field, "optional") and {identity, alias} & set(targets(field))
    ]
    names = " UNION ".join(f'SELECT "{column}" AS name FROM {table}' for table, column in columns)
    return f"SELECT DISTINCT name FROM ({names}) WHERE name <> '' ORDER BY name"


def ledger_keys(table: str) -> str:
    """Return the column that holds the `stages.key` under which a table's rows were written; "" = none does."""
    return next((field.name for field in schemas()[table] if "stages.key" in targets(field)), "")


def follows(table: str) -> bool:
    """Return whether `forget` removes a table's rows with what they refer to."""
    return _metadata(schemas()[table], "forget") == "follow"


def targets(field: pa.Field) -> list[str]:
    """Return the `table.column`s to which a column refers."""
    refers = _metadata(field, "refers")
    return refers.split(" or ") if refers else []


def schema_faults(tables: Mapping[str, pa.Schema]) -> list[str]:
    """Return what is missing or wrong in the metadata of schemas, each fault with its table's name; [] = nothing."""
    return [f"{name}: {fault}" for name, schema in tables.items() for fault in _faults(name, schema, tables)]


def _faults(name: str, schema: pa.Schema, tables: Mapping[str, pa.Schema]) -> Iterator[str]:
    if not _metadata(schema, "made_by") or _metadata(schema, "forget") not in ("follow", "keep"):
        yield "says neither who makes its rows nor what `forget` does with them: write it with `schema.table`"
        return
    referred = [target for field in schema for target in targets(field)]
    for target in referred:
        other, _, column = target.partition(".")
        if other not in tables or column not in tables[other].names:
            yield f"refers to {target}, which is not there"
    for field in schema:
        meant = [".".join(pair) for pair in NAMED.findall(_metadata(field, "meaning")) if pair[0] in tables]
        rows = [target for target in meant if target.endswith(".id") and not target.startswith(f"{name}.")]
        if rows and not targets(field):
            yield f"{field.name} means {', '.join(rows)} and does not say that it refers to it"
        elif field.name in REFERRING and not targets(field) and _metadata(schema, "forget") == "follow":
            yield f"{field.name} does not say what it refers to"
    if _metadata(schema, "forget") == "follow" and not _reached(name, tables):
        yield (
            "`forget` can reach none of its rows: no column leads to a policy or a source; "
            "say forget='keep' if that is right"
        )


REFERRING = ("problem_id", "rollout_id", "label_id", "policy", "policy_name", "source", "training")


def _reached(name: str, tables: Mapping[str, pa.Schema], path: frozenset[str] = frozenset()) -> bool:
    ends = {identity for identity, _ in SUBJECTS.values()}
    for target in (target for field in tables[name] for target in targets(field)):
        other, _, column = target.partition(".")
        if target in ends:
            return True
        if column == "id" and other in tables and other not in {*path, name} and _reached(other, tables, path | {name}):
            return True
    return False


def _needing(table: str) -> Iterator[tuple[str, str, list[str]]]:
    """Yield each column that must refer to a row, and may refer to one of this table: (table, column, other tables)."""
    for name, schema in schemas().items():
        for field in schema:
            others = targets(field)
            if f"{table}.id" in others and not _metadata(field, "optional"):
                yield name, field.name, [other.partition(".")[0] for other in others if other != f"{table}.id"]


def _named(by: str) -> Iterator[tuple[str, str, str]]:
    """Yield (table, column of the identity, column of the name) of each table that holds both."""
    identity, alias = SUBJECTS[by]
    for table, schema in schemas().items():
        key = next((field.name for field in schema if identity in targets(field)), "")
        name = next((field.name for field in schema if alias and alias in targets(field)), "")
        if key and name and follows(table):
            yield table, key, name


@cache
def _decoded(metadata: tuple[tuple[bytes, bytes], ...]) -> dict[str, str]:
    return {key.decode(): value.decode() for key, value in metadata}


def _metadata(described: pa.Schema | pa.Field, key: str) -> str:
    return _decoded(tuple(sorted((described.metadata or {}).items()))).get(key, "")
