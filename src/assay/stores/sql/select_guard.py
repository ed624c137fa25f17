"""Which SQL may be run for somebody else: one SELECT without side effects, judged by its parse tree.

The type of a statement is not enough: COPY, INSERT, UPDATE and DELETE may stand in a WITH clause, and the statement
stays a SELECT. So every node of the parse tree is checked, and a kind of query or a table function that is not on the
lists below is refused.
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import duckdb

from assay.core.errors import ConfigError
from assay.stores.sql.database import trunk
from assay.stores.sql.definitions import macros

QUERY_NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
TABLE_FUNCTIONS = frozenset(
    {
        "read_parquet",
        "parquet_scan",
        "parquet_metadata",
        "parquet_file_metadata",
        "parquet_full_metadata",
        "parquet_kv_metadata",
        "parquet_schema",
        "parquet_bloom_probe",
        "read_csv",
        "read_csv_auto",
        "sniff_csv",
        "read_json",
        "read_json_auto",
        "read_json_objects",
        "read_json_objects_auto",
        "read_ndjson",
        "read_ndjson_auto",
        "read_ndjson_objects",
        "read_text",
        "read_blob",
        "glob",
        "range",
        "generate_series",
        "unnest",
        "repeat",
        "repeat_row",
        "json_each",
        "json_tree",
        "query",
        "query_table",
        "summary",
        "histogram",
        "histogram_values",
        "test_all_types",
        "test_vector_types",
        "pg_timezone_names",
        "icu_calendar_names",
        "show_tables",
        "show_tables_expanded",
        "show_databases",
        "database_list",
        "database_size",
        "table_info",
        "storage_info",
        "platform",
        "version",
        "user_agent",
        "functions",
        "collations",
        "which_secret",
    }
)
# arguments of read_csv that create tables, of any name
KEEPING_REJECTS = frozenset({"store_rejects", "rejects_table", "rejects_scan"})
INFORMATION = ("duckdb_", "pragma_")  # prefixes of table functions that describe the database and change nothing
WITH_EFFECT = frozenset({"write_log", "setval", "nextval", "json_execute_serialized_sql", "getenv", "set_config"})
LITERAL = "VALUE_CONSTANT"
WRITING_OPERATORS = (
    "COPY_TO",
    "INSERT",
    "DELETE",
    "UPDATE",
    "MERGE",
    "CREATE",
    "DROP",
    "ALTER",
    "ATTACH",
    "EXPORT",
    "SET",
    "LOAD",
)


@lru_cache(maxsize=256)
def require_select(query: str) -> None:
    """Refuse everything but one SELECT statement that changes nothing.

    SHOW, DESCRIBE, SUMMARIZE, FROM, VALUES, TABLE, UNPIVOT and PIVOT ... IN (...) are SELECTs. EXPLAIN, and a PIVOT
    that must look up its columns first, are other statements and are refused.

    Args:
        query: SQL; parameters may stand in it.

    Raises:
        ConfigError: not SQL, no statement, more than one, not a SELECT, or a SELECT that writes or runs something.
    """
    try:
        kinds = [_kind(statement) for statement in trunk().cursor().extract_statements(query)]
    except duckdb.Error as error:
        raise ConfigError(f"not SQL: {str(error).splitlines()[0]}") from error
    if kinds != ["SELECT"]:
        raise ConfigError(f"one SELECT statement is allowed, found {', '.join(kinds) or 'nothing'}")
    for fault in _faults(_tree(query)):
        raise ConfigError(f"one SELECT statement that writes nothing is allowed, found {fault}")


def _kind(statement: duckdb.Statement) -> str:
    try:
        return str(statement.type).rsplit(".", 1)[-1]
    except ValueError:  # the parser knows kinds of statements that its Python names lack
        return "another kind of statement"


def _tree(query: str) -> Any:
    call = "SELECT json_serialize_sql($1, skip_empty := true, skip_null := true, skip_default := true)"
    try:
        (text,) = trunk().cursor().execute(call, [query]).fetchall()[0]
        tree = json.loads(text)
    except (duckdb.Error, ValueError, RecursionError) as error:
        raise ConfigError(f"this query cannot be checked: {' '.join(str(error).split())[:200]}") from error
    if tree.get("error"):
        raise ConfigError(f"one SELECT statement is allowed: {tree.get('error_message', 'it cannot be taken apart')}")
    return tree["statements"]


def require_reading_plan(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    """Refuse a query whose plan holds an operator that writes.

    Raises:
        ConfigError: the plan holds one.
        duckdb.Error: the query cannot be planned.
    """
    rest = json.loads(connection.execute(f"EXPLAIN (FORMAT json) {query}").fetchall()[0][1])
    while rest:
        operator = rest.pop()
        name = str(operator.get("name", "")).upper().strip()
        if any(word in name for word in WRITING_OPERATORS):
            raise ConfigError(f"one SELECT statement that writes nothing is allowed, found {name}")
        rest += operator.get("children", ())


def _faults(tree: Any) -> Iterator[str]:
    """Yield what in the tree is not allowed, depth first; a loop: a hostile tree is deeper than Python's stack."""
    rest = [tree]
    while rest:
        node = rest.pop()
        if isinstance(node, list):
            rest += node
        elif isinstance(node, dict):
            kind = str(node.get("type", ""))
            if kind.endswith("_NODE") and kind not in QUERY_NODES:
                yield kind.removesuffix("_NODE").removesuffix("_QUERY")
            if kind == "FUNCTION" and str(node.get("function_name", "")).lower() in WITH_EFFECT:
                yield f"{node['function_name']}()"
            if kind == "TABLE_FUNCTION":
                yield from _function_faults(node.get("function") or {})
            rest += node.values()


def _function_faults(function: dict[str, Any]) -> Iterator[str]:
    name = str(function.get("function_name", "")).lower()
    if name not in TABLE_FUNCTIONS and name not in macros() and not name.startswith(INFORMATION):
        yield f"the table function {name or 'without a name'}()"
    for argument_name in sorted(
        KEEPING_REJECTS & {_argument_name(argument) for argument in function.get("arguments", ())}
    ):
        yield f"{argument_name} of {name}()"
    if name == "query":
        for argument in function.get("arguments", ()):
            if (text := _folded(argument.get("expression", {}))) is None:
                yield "query() of text that is worked out"
            else:
                require_select(text)


def _argument_name(argument: dict[str, Any]) -> str:
    """Return the name of a function's argument, written with `=`, `:=` or `=>`; "" for none."""
    expression = argument.get("expression") or {}
    left = expression.get("left") or {}
    column_names = left.get("column_names") if expression.get("type") == "COMPARE_EQUAL" else None
    return str(argument.get("name") or (column_names or [""])[-1]).lower()


def _folded(expression: dict[str, Any]) -> str | None:
    """Return the text of a literal, or of concatenated literals; None for anything else."""
    if expression.get("type") == LITERAL:
        return str(expression["literal"].get("text", ""))
    if expression.get("type") != "FUNCTION" or expression.get("function_name") not in ("||", "concat"):
        return None
    pieces = [_folded(argument.get("expression", {})) for argument in expression.get("arguments", ())]
    return None if None in pieces else "".join(str(piece) for piece in pieces)
