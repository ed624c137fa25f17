"""This process's one database in memory: filling one per use with DuckDB's functions would take 15 ms each."""

import os
from functools import cache

import duckdb


@cache
def trunk() -> duckdb.DuckDBPyConnection:
    """Return the connection of which others are cursors; it holds nothing itself."""
    return duckdb.connect(":memory:")


# a forked child has none of the database's threads, and would wait for them or crash at its end
os.register_at_fork(before=trunk.cache_clear)
