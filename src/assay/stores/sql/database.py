"""This process's one database in memory: a database of its own for each use would cost 15 ms of functions."""

import os
from functools import cache

import duckdb


@cache
def trunk() -> duckdb.DuckDBPyConnection:
    """Return the connection of which others are cursors; it holds nothing itself."""
    return duckdb.connect(":memory:")


os.register_at_fork(
    before=trunk.cache_clear
)  # a child has none of its threads, and would wait for them or die of it at its end
