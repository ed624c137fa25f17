"""Attempts of a rollout log in a temporary database: they are appended in batches, asked with SQL, and gone at the end.

Memory stays below `MEMORY` however long the log is: what is larger lies on disk.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

MEMORY = "1GB"
THREADS = 2
ATTEMPTS = pa.schema(
    [
        ("problem", pa.int32()),  # by order of appearance
        ("file", pa.int32()),
        ("step", pa.int64()),  # of the training; null = the log does not say
        ("grp", pa.int64()),  # of the group that the log names; null = it names none
        ("reward", pa.float64()),  # null = none was recorded
        ("correct", pa.float64()),  # of a column of its own; null = the log has none
        ("tokens", pa.int32()),  # of the answer; null = the log does not say
        ("characters", pa.int32()),  # of the answer
        ("cut", pa.bool_()),  # by the cap on its length; null = the log does not say
    ]
)
QUESTIONS = pa.schema([("problem", pa.int32()), ("question", pa.string()), ("gold", pa.string())])


class RolloutLog:
    """The attempts and questions of a rollout log, for SQL.

    Attributes:
        attempts: how many were appended.
    """

    def __init__(self) -> None:
        """Open an empty log in a temporary folder, which `close` removes."""
        self.attempts = 0
        self._folder = tempfile.TemporaryDirectory(prefix="assay-log-", ignore_cleanup_errors=True)
        place = Path(self._folder.name)
        settings = {"memory_limit": MEMORY, "threads": THREADS, "temp_directory": str(place / "spill")}
        self._connection = duckdb.connect(str(place / "log.duckdb"), config=settings)
        for name, schema in (("attempts", ATTEMPTS), ("questions", QUESTIONS)):
            self.register("empty_table", schema.empty_table())
            self._connection.execute(f"CREATE TABLE {name} AS SELECT * FROM empty_table")

    def append(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Append rows to `attempts` or `questions`, each with the values of the table's columns in their order."""
        if not rows:
            return
        schema = ATTEMPTS if table == "attempts" else QUESTIONS
        columns = [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), schema, strict=True)]
        self.register("appended_rows", pa.table(columns, schema=schema))
        self._connection.execute(f"INSERT INTO {table} SELECT * FROM appended_rows")
        self.attempts += len(rows) if table == "attempts" else 0

    def register(self, name: str, table: pa.Table) -> None:
        """Show an Arrow table to queries under a name."""
        self._connection.register(name, table)

    def execute(self, sql: str) -> None:
        """Run a statement, such as one that makes a table of an answer."""
        self._connection.execute(sql)

    def query(self, sql: str) -> pa.Table:
        """Run one SELECT and return the answer as an Arrow table."""
        return self._connection.sql(sql).to_arrow_table()

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Run one SELECT and return the answer as a list of dicts."""
        return list(self.query(sql).to_pylist())

    def columns(self, sql: str) -> dict[str, NDArray[np.float64]]:
        """Run one SELECT of numbers and return its columns; null is NaN."""
        answer = self.query(sql)
        return {
            name: column.cast(pa.float64()).to_numpy(zero_copy_only=False)
            for name, column in zip(answer.column_names, answer.columns, strict=True)
        }

    def close(self) -> None:
        """Close the database and remove its files."""
        self._connection.close()
        self._folder.cleanup()

    def __enter__(self) -> "RolloutLog":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
