"""DuckDB views over the committed files: the tables under their names, and what people ask most."""

import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from assay.core.errors import LakeError, PlanError
from assay.stores.columns import sql_type
from assay.stores.tables import schemas

# The posterior is Jeffreys', Beta(correct + 1/2, wrong + 1/2); truncated and failed attempts are neither. Guided rollouts say nothing about the
# policy. One rollout has one verdict a label and verifier version, so a regraded lake shows one row a version.
PASS_RATES = """
SELECT problem_id, policy, any_value(policy_name) AS policy_name, sampler, label_id, verifier, version,
       n_correct, n_wrong, n_truncated, n_error, n_correct + n_wrong + n_truncated + n_error AS n, tokens,
       n_correct + 0.5::DOUBLE AS post_a, n_wrong + 0.5::DOUBLE AS post_b, (n_correct + 0.5::DOUBLE) / (n_correct + n_wrong + 1) AS mean
FROM (
    SELECT r.problem_id, r.policy, r.sampler, v.label_id, v.verifier, v.version, any_value(r.policy_name) AS policy_name,
           count(*) FILTER (v.outcome = 'correct') AS n_correct,
           count(*) FILTER (v.outcome IN ('wrong', 'unparsable')) AS n_wrong,
           count(*) FILTER (v.outcome = 'truncated') AS n_truncated,
           count(*) FILTER (v.outcome = 'verifier_error') AS n_error,
           sum(r.tokens)::BIGINT AS tokens
    FROM rollouts r JOIN verdicts v ON v.rollout_id = r.id
    WHERE NOT r.guided
    GROUP BY ALL
)
GROUP BY ALL
"""
COSTS = """
SELECT policy, any_value(policy_name) AS policy_name, sampler, engine, step IS NOT NULL AS from_training,
       count(*) AS rollouts, sum(tokens)::BIGINT AS tokens, sum(prompt_tokens)::BIGINT AS prompt_tokens
FROM rollouts GROUP BY policy, sampler, engine, step IS NOT NULL
"""
ASKED = {"pass_rates": PASS_RATES, "costs": COSTS}


def create_views(connection: duckdb.DuckDBPyConnection, files: Mapping[str, Sequence[str]]) -> None:
    """Every table and every view, from absolute paths by table name; a table without files is empty but typed."""
    for name, schema in schemas().items():
        connection.execute(f'CREATE OR REPLACE VIEW "{name}" AS {table_query(schema, files.get(name, ()))}')
    for name, query in ASKED.items():
        connection.execute(f'CREATE OR REPLACE VIEW "{name}" AS {query}')


def table_query(schema: pa.Schema, paths: Sequence[str]) -> str:
    """The SELECT behind one table's view."""
    if not paths:
        nothing = ", ".join(f'NULL::{sql_type(each.type)} AS "{each.name}"' for each in schema)
        return f"SELECT {nothing} WHERE false"
    listed = ", ".join(quoted(path) for path in paths)
    return f"SELECT * FROM read_parquet([{listed}])"


def quoted(text: str) -> str:
    """A SQL string literal.

    >>> quoted("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def write_catalogue(root: Path, files: Mapping[str, Sequence[str]]) -> Path:
    """`assay.duckdb`, a file of views for other tools: made beside the old one and put in its place at once.

    Nobody holds it open for writing, because an open writer locks every reader out.
    """
    final, temporary = root / "assay.duckdb", root / f".assay.{secrets.token_hex(4)}.duckdb"
    with duckdb.connect(str(temporary)) as connection:
        create_views(connection, files)
    os.replace(temporary, final)
    return final


def only_select(query: str) -> None:
    """Lets pass one SELECT and nothing else, judged by the parser's own statement type.

    Raises:
        PlanError: no statement, more than one, or one that is not a SELECT.
    """
    try:
        statements = duckdb.extract_statements(query)
    except duckdb.Error as error:
        raise PlanError(f"not SQL: {str(error).splitlines()[0]}") from error
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        kinds = ", ".join(str(each.type).rsplit(".", 1)[-1] for each in statements) or "nothing"
        raise PlanError(f"one SELECT statement is allowed, found {kinds}")


def lock(connection: duckdb.DuckDBPyConnection, root: Path) -> None:
    """From here on only files inside the lake can be read, and no setting can be changed."""
    for statement in (
        f"SET allowed_directories = [{quoted(str(root) + os.sep)}]",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    ):
        connection.execute(statement)


def run(connection: duckdb.DuckDBPyConnection, query: str, parameters: Any = None) -> pa.Table:
    """The answer as an Arrow table.

    Raises:
        LakeError: DuckDB refused; its first lines are kept.
    """
    try:
        relation = connection.sql(query, params=parameters)
        return relation.to_arrow_table() if relation is not None else pa.table({})
    except duckdb.Error as error:
        raise LakeError(" ".join(str(error).split("\n\n")[0].split())) from error
