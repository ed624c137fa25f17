"""Which conditions may be evaluated for somebody else: those whose values never grow beyond the columns that they read.

DuckDB can be interrupted between two blocks of rows, never inside one expression. So `repeat('x', 1000000000)`, a list
of a billion numbers or a lambda over one would pass every limit of time and memory. What stays is comparisons,
arithmetic, patterns, and subqueries over the table itself.
"""

from collections.abc import Iterator
from typing import Any

CLASSES = frozenset(
    {
        "BETWEEN",
        "CASE",
        "CAST",
        "COLUMN_REF",
        "COMPARISON",
        "CONJUNCTION",
        "CONSTANT",
        "FUNCTION",
        "OPERATOR",
        "SUBQUERY",
        "TYPE",
    }
)
OPERATORS = frozenset(
    {
        "COMPARE_IN",
        "COMPARE_NOT_IN",
        "OPERATOR_COALESCE",
        "OPERATOR_IS_NOT_NULL",
        "OPERATOR_IS_NULL",
        "OPERATOR_NOT",
        "OPERATOR_NULLIF",
    }
)
TYPES = frozenset(
    {
        *("bigint", "bool", "boolean", "date", "decimal", "double", "float", "int", "int4", "int8", "integer"),
        *("numeric", "real", "smallint", "text", "timestamp", "tinyint", "varchar"),
    }
)
FUNCTIONS = frozenset(
    {
        # arithmetic
        *("+", "-", "*", "/", "//", "%", "^", "**", "abs", "ceil", "ceiling", "exp", "floor", "greatest", "isfinite"),
        *("isinf", "isnan", "least", "ln", "log", "log10", "log2", "mod", "nullif", "pow", "power", "random", "round"),
        *("sign", "sqrt", "trunc"),
        # texts that are compared, searched or cut
        *("^@", "~~", "~~*", "~~~", "!~~", "!~~*", "contains", "ends_with", "ifnull", "instr", "lcase", "left"),
        *("length", "len", "like_escape", "ilike_escape", "not_like_escape", "not_ilike_escape", "lower", "ltrim"),
        *("md5", "position", "prefix", "regexp_extract", "regexp_full_match", "regexp_matches", "right", "rtrim"),
        *("starts_with", "strlen", "strpos", "substr", "substring", "suffix", "trim", "ucase", "upper"),
        # over the rows of a subquery
        *("any_value", "avg", "bool_and", "bool_or", "count", "count_star", "max", "mean", "median", "min", "quantile"),
        *("quantile_cont", "quantile_disc", "stddev", "stddev_samp", "sum"),
    }
)


def growing_parts(tree: Any, *, table: str) -> Iterator[str]:
    """Yield what in the tree of a query could grow without bounds, in words for whoever wrote it.

    Args:
        tree: of the whole query, as `json_serialize_sql` writes it.
        table: the one table that it may read.
    """
    rest = [tree]
    while rest:
        node = rest.pop()
        if isinstance(node, list):
            rest += node
        elif isinstance(node, dict):
            yield from _faults(node, table)
            rest += node.values()


def _faults(node: dict[str, Any], table: str) -> Iterator[str]:
    kind, sort = str(node.get("class", "")), str(node.get("type", ""))
    if kind and kind not in CLASSES:
        yield kind.lower().replace("_", " ")
    if kind == "FUNCTION" and (name := str(node.get("function_name", "")).lower()) not in FUNCTIONS:
        yield f"{name}()" if name.isidentifier() else name
    if kind == "OPERATOR" and sort not in OPERATORS:
        yield sort.lower().replace("_", " ")
    if kind == "CAST" and (name := _type_name(node)) not in TYPES:
        yield f"the type {name or 'without a name'}"
    if (node.get("cte_map") or {}).get("map"):
        yield "WITH"
    if len(node.get("group_sets") or ()) > 1:
        yield "more than one grouping"
    if "from_table" in node and not _is_table(node["from_table"], table):
        yield f"another table than {table}"


def _type_name(cast: dict[str, Any]) -> str:
    type_expression = cast.get("type_expr") or {}
    return str(type_expression.get("type_name") or (cast.get("cast_type") or {}).get("id", "")).lower()


def _is_table(reference: Any, table: str) -> bool:
    return isinstance(reference, dict) and (reference.get("type"), reference.get("table_name")) == ("BASE_TABLE", table)
