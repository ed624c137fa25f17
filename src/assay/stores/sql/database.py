"""This process's one database in memory: filling one per use with DuckDB's functions would take 15 ms each.

A query that needs more memory than `ASSAY_SQL_MEMORY_GIB` goes on in files, in the folder that TMPDIR names.
"""

import os
import tempfile
from functools import cache
from pathlib import Path

import duckdb

from assay.core.errors import ConfigError

MEMORY = "ASSAY_SQL_MEMORY_GIB"
MEMORY_GIB, THREAD_GIB = 0.5, 0.125  # of all queries of a process: at least so much, and so much per thread of DuckDB's


@cache
def trunk() -> duckdb.DuckDBPyConnection:
    """Return the connection of which others are cursors; it holds nothing itself."""
    return open_database(":memory:")


def open_database(database: str) -> duckdb.DuckDBPyConnection:
    """Open a database whose queries hold a bounded part of their data in memory and the rest in files.

    Raises:
        ConfigError: ASSAY_SQL_MEMORY_GIB is no number above 0.
    """
    spill = Path(tempfile.gettempdir(), f"assay-sql-{os.getuid()}-{os.getpid()}")  # made by the first query that spills
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_gib():.3f} GiB",
        "temp_directory": str(spill),
    }
    return duckdb.connect(database, config=settings)


def memory_gib() -> float:
    """Return how much memory queries may take together, in GiB.

    Raises:
        ConfigError: ASSAY_SQL_MEMORY_GIB is no number above 0.
    """
    given = os.environ.get(MEMORY, "")
    if not given:
        return max(MEMORY_GIB, THREAD_GIB * (os.cpu_count() or 1))
    try:
        gib = float(given)
    except ValueError:
        gib = 0.0
    if not 0 < gib < 2**20:
        raise ConfigError(f"{MEMORY} = {given!r} is no number of GiB above 0")
    return gib


# a forked child has none of the database's threads, and would wait for them or crash at its end
os.register_at_fork(before=trunk.cache_clear)
