"""DuckDB views over the committed files: the tables under their names, and what people ask most."""

import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from assay.core.errors import LakeError
from assay.stores.references import traced
from assay.stores.schema import quoted, sql_type
from assay.stores.sql.database import trunk
from assay.stores.sql.select_guard import require_reading_plan
from assay.stores.tables import schemas


@dataclass(frozen=True, slots=True)
class FileGroup:
    """Files of one table that have equal columns."""

    paths: tuple[str, ...]
    doubled: bool = False  # a row may lie in two of them
    bytes: int = 0  # of all of them
    sums: tuple[tuple[int, str], ...] = ()  # bytes and SHA-256 of each, as its commit wrote them; () = nobody compares


# Which reading of a verdict counts: the strict outcome, or the lenient one where a verdict has its own. Every query that counts outcomes uses this
# rule, so another `grade.mode` costs no token and no regrading. The macro `counted(outcome, lenient, mode)` is the same for people.
COUNTED = "CASE WHEN {mode} = 'lenient' THEN coalesce({v}lenient, {v}outcome) ELSE {v}outcome END"
STRICT, LENIENT = "v.outcome", "coalesce(v.lenient, v.outcome)"
DISPUTED = f"count(*) FILTER ({STRICT} = 'correct') = 0 AND count(*) FILTER ({LENIENT} = 'correct') > 0"
# The posterior is Jeffreys', Beta(correct + 1/2, wrong + 1/2); truncated and failed attempts are neither. Guided rollouts say nothing about the
# policy, and those of a superseded attempt at a training step would count it twice. One rollout has one verdict a label and verifier version,
# so a regraded lake shows one row a version.
COUNTS = f"""
SELECT r.problem_id, r.policy, r.sampler, v.label_id, v.verifier, v.version, any_value(r.policy_name) AS policy_name,
       count(*) FILTER ({{outcome}} = 'correct') AS n_correct,
       count(*) FILTER ({{outcome}} IN ('wrong', 'unparsable')) AS n_wrong,
       count(*) FILTER ({{outcome}} = 'truncated') AS n_truncated,
       count(*) FILTER ({{outcome}} = 'verifier_error') AS n_error,
       sum(r.tokens)::BIGINT AS tokens,
       count(*) FILTER ({LENIENT} = 'correct') AS n_correct_lenient,
       {DISPUTED} AS disputed
FROM rollouts r JOIN verdicts v ON v.rollout_id = r.id
WHERE NOT r.guided AND r.policy NOT IN (SELECT policy FROM superseded)
GROUP BY r.problem_id, r.policy, r.sampler, v.label_id, v.verifier, v.version
"""
# 1 - E[p^G] - E[(1-p)^G] for p ~ Beta(a, b), as `maths.signal.expected_signal`: E[p^G] = B(a + G, b) / B(a, b).
SIGNAL = (
    "greatest(0, 1 - exp(lgamma({a} + {g}) - lgamma({a}) + lgamma({a} + {b}) - lgamma({a} + {b} + {g}))"
    " - exp(lgamma({b} + {g}) - lgamma({b}) + lgamma({a} + {b}) - lgamma({a} + {b} + {g})))"
)
PASS_RATES = f"""
SELECT c.problem_id, c.policy, c.policy_name, c.sampler, c.label_id, c.verifier, c.version,
       n_correct, n_wrong, n_truncated, n_error, n_correct + n_wrong + n_truncated + n_error AS n, tokens,
       n_correct + 0.5::DOUBLE AS post_a, n_wrong + 0.5::DOUBLE AS post_b, (n_correct + 0.5::DOUBLE) / (n_correct + n_wrong + 1) AS mean,
       i.low, i.high,
       n_correct / nullif(n_correct + n_wrong + n_truncated, 0) AS least,
       (n_correct + n_truncated) / nullif(n_correct + n_wrong + n_truncated, 0) AS most,
       {SIGNAL.format(a="(n_correct + 0.5)", b="(n_wrong + 0.5)", g=8)} AS signal_8,
       {SIGNAL.format(a="(n_correct + 0.5)", b="(n_wrong + 0.5)", g=16)} AS signal_16,
       n_correct_lenient, disputed
FROM ({{counts}}) c LEFT JOIN intervals i ON i.prior = 'jeffreys' AND i.correct = c.n_correct AND i.wrong = c.n_wrong
"""
FRONTIER = """
SELECT r.*, p.source, p.characters, p.messages[-1].content AS prompt
FROM pass_rates r JOIN problems p ON p.id = r.problem_id WHERE r.n_correct + r.n_wrong > 0 AND r.signal_8 >= 0.5
"""
COSTS = """
SELECT policy, any_value(policy_name) AS policy_name, sampler, engine, step IS NOT NULL AS from_training,
       count(*) AS rollouts, sum(tokens)::BIGINT AS tokens, sum(prompt_tokens)::BIGINT AS prompt_tokens
FROM rollouts GROUP BY policy, sampler, engine, step IS NOT NULL
"""
# What a training run's last steps tell about its policy, each attempt weighing discount^age; the weights are those of evidence, so the posterior
# is Beta(1/2 + weighted right, 1/2 + weighted wrong). Superseded attempts and guided rollouts do not count. Cut and failed ones are neither; `cut` is
# the weight of the former, which a plan may take for wrong.
FRESH = f"""
WITH steps AS (SELECT DISTINCT training, step, policy FROM train_log WHERE name = 'reward' AND policy NOT IN (SELECT policy FROM superseded)),
ages AS (SELECT *, max(step) OVER (PARTITION BY training) - step AS age FROM steps)
SELECT a.training, r.problem_id, r.sampler, v.label_id, v.verifier, v.version, count(*) AS n, max(a.step) AS last_step,
       count(*) FILTER ({{outcome}} = 'correct') AS n_correct,
       count(*) FILTER ({{outcome}} IN ('wrong', 'unparsable')) AS n_wrong,
       count(*) FILTER ({{outcome}} = 'truncated') AS n_truncated,
       count(*) FILTER ({{outcome}} = 'verifier_error') AS n_error,
       coalesce(sum({{discount}} ** a.age) FILTER ({{outcome}} = 'truncated'), 0) AS cut,
       0.5 + sum({{discount}} ** a.age) FILTER ({{outcome}} = 'correct') AS with_right,
       0.5 + sum({{discount}} ** a.age) FILTER ({{outcome}} IN ('wrong', 'unparsable')) AS with_wrong,
       count(*) FILTER ({LENIENT} = 'correct') AS n_correct_lenient,
       {DISPUTED} AS disputed
FROM ages a JOIN rollouts r ON r.policy = a.policy JOIN verdicts v ON v.rollout_id = r.id
WHERE NOT r.guided AND a.age < {{last}}
GROUP BY a.training, r.problem_id, r.sampler, v.label_id, v.verifier, v.version
"""
FRESH_RATES = """
SELECT *, post_a / (post_a + post_b) AS mean
FROM (SELECT * EXCLUDE (with_right, with_wrong), coalesce(with_right, 0.5) AS post_a, coalesce(with_wrong, 0.5) AS post_b FROM ({fresh}))
"""
LAST, DISCOUNT = (
    50,
    0.98,
)  # steps, and weight of an attempt for each step that it is older, of the view; the macro `fresh` takes others
CATALOGUE = re.compile(
    r"\b(information_schema|show|describe|query(_table)?|(duckdb|pg|sqlite|pragma)_\w+)\b", re.I
)  # tables that no word names


class Unnamed(LakeError):
    """A query reads a table or calls a macro that its words did not name."""


def lineage(tables: Sequence[str]) -> str:
    """Every row of the tables beside the run that wrote it."""
    rows = " UNION ALL ".join(f'SELECT \'{name}\' AS "table", id, run FROM "{name}"' for name in tables)
    return f"""
SELECT w."table", w.id, w.run, r.command, r.plan, r.policy, r.versions, r.started, r.ended, r.outcome, r.tokens, r.samples, r.seconds
FROM ({rows}) w LEFT JOIN (
    SELECT run, any_value(command) AS command, any_value(plan) AS plan, any_value(policy) AS policy, any_value(versions) AS versions,
           min(time) FILTER (event = 'start') AS started, max(time) FILTER (event = 'end') AS ended,
           max(outcome) FILTER (event = 'end') AS outcome, max(tokens) FILTER (event = 'end') AS tokens,
           max(samples) FILTER (event = 'end') AS samples, max(seconds) FILTER (event = 'end') AS seconds
    FROM runs GROUP BY run
) r ON r.run = w.run
"""


def counted(mode: str, *, alias: str = "v") -> str:
    """Write the outcome that counts in a mode as SQL.

    Args:
        mode: SQL of the mode, such as `'lenient'` in quotes, a parameter or a macro's argument.
        alias: the table that holds `outcome` and `lenient`; "" = neither needs one.

    Returns:
        An expression whose value is one of the outcomes.

    >>> counted("'strict'"), counted("'lenient'", alias="")
    ('v.outcome', 'coalesce(lenient, outcome)')
    """
    dotted = f"{alias}." if alias else ""
    fixed = {"'strict'": f"{dotted}outcome", "'lenient'": f"coalesce({dotted}lenient, {dotted}outcome)"}
    return fixed.get(mode) or COUNTED.format(mode=mode, v=dotted)


def rates(mode: str) -> str:
    """The pass rates under a mode, which is SQL."""
    return PASS_RATES.format(counts=COUNTS.format(outcome=counted(mode)))


def fresh_rates(last: str, discount: str, mode: str = "'strict'") -> str:
    """What the last `last` steps of each training run tell, each step back weighing `discount` of the next; 1 = all alike."""
    return FRESH_RATES.format(fresh=FRESH.format(last=last, discount=discount, outcome=counted(mode)))


@cache
def asked() -> dict[str, str]:
    """The views that people ask most, by name, in an order in which each needs only earlier ones."""
    return {
        "pass_rates": rates("'strict'"),
        "frontier": FRONTIER,
        "costs": COSTS,
        "fresh_rates": fresh_rates(str(LAST), str(DISCOUNT)),
        "lineage": lineage(traced()),
    }


@cache
def macros() -> dict[str, str]:
    """The macros by name, each as what follows its name in CREATE MACRO."""
    return {
        "signal": f"(a, b, g) AS {SIGNAL.format(a='a', b='b', g='g')}",
        "counted": f"(outcome, lenient, mode) AS {counted('mode', alias='')}",
        "fresh": f"(last, discount, mode := 'strict') AS TABLE {fresh_rates('last', 'discount', 'mode')}",
        "rates": f"(mode) AS TABLE {rates('mode')}",
    }


Groups = Mapping[str, Sequence[FileGroup]]


def connect(database: str = ":memory:") -> duckdb.DuckDBPyConnection:
    """A connection that writes nothing on stdout: DuckDB's own bar for slow queries would stand in the middle of a JSON document."""
    return _silent(duckdb.connect(database))


def branch() -> duckdb.DuckDBPyConnection:
    """A connection to this process's one database in memory, for temporary views: a database of its own would cost 15 ms of functions."""
    return _silent(trunk().cursor())


def _silent(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Without a bar, and without extensions, which DuckDB would fetch from its server and run where a query names s3:// or a spreadsheet."""
    for setting in ("enable_progress_bar", "autoinstall_known_extensions", "autoload_known_extensions"):
        connection.execute(f"SET {setting} = false")
    return connection


def create_views(connection: duckdb.DuckDBPyConnection, files: Groups) -> None:
    """Every table, view and macro, from absolute paths by table name; a table without files is empty but typed."""
    for name, schema in schemas().items():
        create_table(connection, name, table_query(schema, files.get(name, ())))
    for name in (*macros(), *asked()):
        create_asked(connection, name)


def create_asked(connection: duckdb.DuckDBPyConnection, name: str, *, kind: str = "") -> None:
    """One of the views that people ask, or of the macros, over tables that are there; `kind` "TEMP" = this connection's alone."""
    made = f"MACRO {name}{macros()[name]}" if name in macros() else f'VIEW "{name}" AS {asked()[name]}'
    connection.execute(f"CREATE OR REPLACE {kind} {made}")


def create_table(connection: duckdb.DuckDBPyConnection, name: str, query: str, *, kind: str = "") -> str:
    """The view that is a table, and ""; where a file of it is broken, one that says so when it is asked, and what it says."""
    try:
        connection.execute(f'CREATE OR REPLACE {kind} VIEW "{name}" AS {query}')
    except duckdb.Error as error:
        said = " ".join(str(error).split()) + _remedy(error)
        refuse(connection, name, said, kind=kind)
        return said
    return ""


def refuse(connection: duckdb.DuckDBPyConnection, name: str, said: str, *, kind: str = "") -> None:
    """A table that answers every question with one line."""
    nothing = ", ".join(f'NULL::{sql_type(each.type)} AS "{each.name}"' for each in schemas()[name])
    only = f"(SELECT error({quoted(f'{name}: {said}')}) AS refused) WHERE refused IS NOT NULL"
    connection.execute(f'CREATE OR REPLACE {kind} VIEW "{name}" AS SELECT {nothing} FROM {only}')


def read_by(query: str) -> set[str]:
    """The tables that a query may read: those whose names, or the names of views or macros over which, it holds as words.

    >>> sorted(read_by("SELECT * FROM frontier"))
    ['problems', 'rollouts', 'superseded', 'verdicts']
    """
    return named(query) & set(schemas())


def named(query: str) -> set[str]:
    """What a query may read, by the words that it holds: tables, `intervals`, and the views and macros that lie between."""
    words = _words(query)
    for name in (*macros(), *reversed(asked())):  # a view reads only earlier ones, a macro none
        if name in words:
            words |= _words(asked().get(name) or macros()[name])
    return words & everything()


@cache
def everything() -> frozenset[str]:
    """The name of each table, view and macro."""
    return frozenset({*schemas(), *asked(), *macros(), "intervals"})


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def create_intervals(connection: duckdb.DuckDBPyConnection, table: pa.Table, *, kind: str = "") -> None:
    """The table `intervals`, copied in; before `pass_rates`, which reads it."""
    connection.register("given_intervals", table)
    connection.execute(f"CREATE OR REPLACE {kind} TABLE intervals AS SELECT * FROM given_intervals")
    connection.unregister("given_intervals")


def table_query(schema: pa.Schema, groups: Sequence[FileGroup], *, variables: str = "") -> str:
    """The SELECT behind one table's view: each group of equal columns is read for itself, and a column that a group lacks is null.

    With `variables` the n-th group's paths are the value of the DuckDB variable `{variables}_{n}`, which costs no parsing, instead of literals.
    """
    nothing = ", ".join(f'NULL::{sql_type(each.type)} AS "{each.name}"' for each in schema)
    parts = [f"SELECT {nothing} WHERE false"]
    for place, group in enumerate(groups):
        if group.paths:
            parts.append(group_query(group, f"getvariable('{variables}_{place}')" if variables else ""))
    return parts[0] if len(parts) == 1 else " UNION ALL BY NAME ".join(parts)


def group_query(group: FileGroup, paths: str = "") -> str:
    """The rows of one group, each id once; `paths` is SQL for its paths, "" = they are written out."""
    paths = paths or f"[{', '.join(map(quoted, group.paths))}]"
    if not group.doubled:
        return f"SELECT * FROM read_parquet({paths})"
    # two writers may have added one row at one moment: the earlier commit's stays, in every table the same commit's
    return (
        "SELECT * EXCLUDE (commit_path, place) FROM (SELECT *, row_number() OVER (PARTITION BY id ORDER BY commit_path) AS place "
        f"FROM read_parquet({paths}, filename = 'commit_path', union_by_name = true)) WHERE place = 1"
    )


def write_catalogue(root: Path, files: Groups, intervals: pa.Table) -> Path:
    """`assay.duckdb`, a file of views for other tools: made beside the old one and put in its place at once.

    Nobody holds it open for writing, because an open writer locks every reader out.

    Raises:
        LakeError: the disk refused; nothing is left of the new one, and the old one stays.
    """
    final, temporary = root / "assay.duckdb", root / f".assay.{secrets.token_hex(4)}.duckdb"
    try:
        with connect(str(temporary)) as connection:
            create_intervals(connection, intervals)
            create_views(connection, files)
        os.replace(temporary, final)
    except (duckdb.IOException, OSError) as error:
        for rest in (temporary, temporary.with_name(f"{temporary.name}.wal")):
            with suppress(OSError):
                rest.unlink()
        raise LakeError(
            f"cannot write {final}: {str(error).splitlines()[0]}; what was committed before is safe"
        ) from error
    return final


def lock(connection: duckdb.DuckDBPyConnection, root: Path, spill: str) -> None:
    """From here on only files inside the lake can be read, what memory does not hold goes into the folder `spill`, and no setting can be changed."""
    for statement in (
        f"SET temp_directory = {quoted(spill)}",
        f"SET allowed_directories = [{quoted(str(root) + os.sep)}]",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    ):
        connection.execute(statement)


def run(connection: duckdb.DuckDBPyConnection, query: str, parameters: Any = None) -> pa.Table:
    """The answer as an Arrow table.

    Raises:
        Unnamed: there is no such table here.
        LakeError: DuckDB refused; its first lines are kept.
    """
    with _refusals():
        relation = connection.sql(query, params=parameters)
        return relation.to_arrow_table() if relation is not None else pa.table({})


def planned(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    """Lets pass a query whose plan writes nothing: the second opinion where the kernel does not hold the connection back.

    Raises:
        ConfigError: it writes.
        Unnamed: there is no such table here.
        LakeError: DuckDB refused.
    """
    with _refusals():
        require_reading_plan(connection, query)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        kind = Unnamed if isinstance(error, duckdb.CatalogException) else LakeError
        raise kind(" ".join(str(error).split("\n\n")[0].split()) + _remedy(error)) from error


def _remedy(error: duckdb.Error) -> str:
    broken = (
        isinstance(error, duckdb.IOException | duckdb.InvalidInputException | duckdb.SerializationException)
        or "parquet" in str(error).lower()
    )
    return (
        "; `curate fsck` names what is broken and restores what can be restored"
        if broken and "disabled by configuration" not in str(error)
        else ""
    )


def catalogue_fault(catalogue: Path) -> str:
    """What keeps other tools from reading a catalogue; "" = nothing does. Its blocks bear checksums, and all that hold rows or views are read."""
    try:
        with duckdb.connect(str(catalogue), read_only=True) as connection:
            there = {
                name
                for (name,) in connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
            }
            connection.execute("SELECT count(prior), sum(correct + wrong + low + high) FROM intervals").fetchall()
    except duckdb.Error as error:
        said = str(error).splitlines()[0]
        return "" if "Could not set lock" in said else said  # another tool has opened it for writing: its own affair
    lacking = sorted({*schemas(), *asked()} - there)
    return f"{len(lacking)} of its views are gone: {', '.join(lacking)}" if lacking else ""


def catalogue_root(catalogue: Path) -> str:
    """The lake's folder to which a catalogue's paths lead; "" where it names none or cannot be read."""
    try:
        with duckdb.connect(str(catalogue), read_only=True) as connection:
            texts = connection.execute("SELECT sql FROM duckdb_views() WHERE NOT internal").fetchall()
    except duckdb.Error:
        return ""
    named = (re.search(r"'((?:[^']|'')*)/tables/[a-z_]+/", text) for (text,) in texts)
    return next((found[1].replace("''", "'") for found in named if found), "")
