"""Interval ends by (prior, correct, wrong), stored as a table, because no SQL engine has a Beta quantile."""

import os
import secrets
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

LEVEL = 0.95
MOST = 64  # graded attempts up to which every pair is there from the start
SCHEMA = pa.schema([("prior", pa.string()), ("correct", pa.int64()), ("wrong", pa.int64()), ("low", pa.float64()), ("high", pa.float64())])


def intervals(pairs: Iterable[tuple[int, int]], *, prior: str = "jeffreys") -> pa.Table:
    """One row a (correct, wrong) pair with the ends of its 95% interval, as `maths.posterior.interval` gives them.

    >>> intervals([(0, 0)]).select(["low", "high"]).to_pylist()
    [{'low': 0.0, 'high': 1.0}]
    """
    from assay.maths.posterior import interval

    given = sorted(set(pairs))
    correct, wrong = [c for c, _ in given], [w for _, w in given]
    low, high = interval(correct, wrong, prior=prior, level=LEVEL)
    return pa.table([pa.array([prior] * len(given)), correct, wrong, low, high], schema=SCHEMA)


@cache
def usual() -> pa.Table:
    """Every pair of at most MOST graded attempts: 2,145 rows, a tenth of a second once a process."""
    return intervals((c, n - c) for n in range(MOST + 1) for c in range(n + 1))


def path(root: Path) -> Path:
    """Where a lake keeps them; derived, so they stand in no manifest and may be made again at any time."""
    return root / "derived" / "intervals.parquet"


def store(root: Path, table: pa.Table) -> Path:
    """The table on disk, in its place at once.

    Raises:
        OSError: the disk refused.
    """
    final, temporary = path(root), root / "derived" / f".intervals.{secrets.token_hex(4)}.tmp"
    final.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, temporary, compression="zstd")
    os.replace(temporary, final)
    return final


def known(root: Path) -> pa.Table:
    """The stored table; the usual pairs where none is stored or the file is broken."""
    try:
        return pq.ParquetFile(path(root)).read().select(SCHEMA.names).cast(SCHEMA)  # not read_table, which imports pandas
    except (OSError, pa.ArrowException, ValueError):
        return usual()
