"""Interval ends by (prior, correct, wrong), stored as a table, because no SQL engine has a Beta quantile."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from assay.stores.storage import Storage

LEVEL = 0.95
PATH = "derived/intervals.parquet"  # derived, so it stands in no manifest and may be made again at any time
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


def store(storage: Storage, table: pa.Table) -> None:
    """The table in its place at once.

    Raises:
        LakeError: the disk refused.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    storage.put(PATH, sink.getvalue())


def stored(storage: Storage) -> bool:
    """Whether the lake holds its table."""
    return Path(PATH).name in (storage.names("derived") or ())


def known(storage: Storage) -> pa.Table:
    """The stored table; the usual pairs where none is stored or the file is broken."""
    try:
        found = pq.ParquetFile(pa.BufferReader(storage.read(PATH)))
        table = found.read()  # not read_table, which imports pandas
        return table if table.schema.equals(SCHEMA) else table.select(SCHEMA.names).cast(SCHEMA)  # a cast imports pyarrow.compute: 40 ms
    except (OSError, pa.ArrowException, ValueError):
        return usual()
