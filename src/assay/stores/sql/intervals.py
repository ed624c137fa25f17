"""Ends of the 95% intervals of pass rates by (prior, correct, wrong), as a table: no SQL engine has a Beta quantile."""

import hashlib
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from assay.core.errors import LakeError
from assay.stores.storage.backend import Storage

LEVEL = 0.95
PATH = "derived/intervals.parquet"  # derived: no manifest names it, and it may be written again at any time
MARK = b"rows_sha256"  # in the file's metadata: the hash of the rows
MOST = 64  # graded attempts up to which the table holds every pair from the start
# how many attempts the most attempted problem has; the usual pairs suffice for at most MOST
MOST_ATTEMPTS = (
    "SELECT max(n) AS n FROM (SELECT count(*) AS n FROM attempts WHERE NOT guided GROUP BY problem_id, sampler)"
)
SCHEMA = pa.schema(
    [
        ("prior", pa.string()),
        ("correct", pa.int64()),
        ("wrong", pa.int64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
    ]
)


def compute_intervals(pairs: Iterable[tuple[int, int]], *, prior: str = "jeffreys") -> pa.Table:
    """Return one row per (correct, wrong) pair with the ends of its 95% interval (`maths.beta.posterior.interval`).

    >>> compute_intervals([(0, 0)]).select(["low", "high"]).to_pylist()
    [{'low': 0.0, 'high': 1.0}]
    """
    from assay.maths.beta.posterior import interval

    counts = sorted(set(pairs))
    correct, wrong = [c for c, _ in counts], [w for _, w in counts]
    low, high = interval(correct, wrong, prior=prior, level=LEVEL)
    return pa.table([pa.array([prior] * len(counts)), correct, wrong, low, high], schema=SCHEMA)


@cache
def usual_intervals() -> pa.Table:
    """Return every pair of at most MOST graded attempts: 2,145 rows, computed in 0.1 s once per process."""
    return compute_intervals((c, n - c) for n in range(MOST + 1) for c in range(n + 1))


def digest(table: pa.Table) -> str:
    """Return the SHA-256 of the rows, in their order."""
    columns = table.select(SCHEMA.names).to_pydict()
    return hashlib.sha256(repr([columns[name] for name in SCHEMA.names]).encode()).hexdigest()


def store_intervals(storage: Storage, table: pa.Table) -> None:
    """Write the table, whole or not at all.

    Raises:
        LakeError: the disk refused.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata({MARK: digest(table)}), sink, compression="zstd")
    storage.put(PATH, sink.getvalue())


def is_stored(storage: Storage) -> bool:
    """Return whether the lake holds its table, undamaged."""
    return _read(storage) is not None


def find_fault(storage: Storage) -> str:
    """Return what is wrong with the stored table; "" = nothing, or there is none."""
    is_there = Path(PATH).name in (storage.names("derived") or ())
    return "its rows are not those that were written" if is_there and _read(storage) is None else ""


def load_intervals(storage: Storage) -> pa.Table:
    """Return the stored table; the usual pairs where none is stored or the file is broken."""
    table = _read(storage)
    return usual_intervals() if table is None else table


def _read(storage: Storage) -> pa.Table | None:
    try:
        return _parse(storage.read(PATH))
    except (OSError, LakeError):
        return None


@lru_cache(maxsize=8)  # one catalogue reads the table three times, and hashing its rows takes 5 ms
def _parse(data: bytes) -> pa.Table | None:
    """Return the table that a file holds; None where its rows are not those that were written."""
    try:
        table = pq.ParquetFile(pa.BufferReader(data)).read()  # not read_table, which imports pandas
        mark = (table.schema.metadata or {}).get(MARK)
        table = table.replace_schema_metadata(None)
        if not table.schema.equals(SCHEMA):
            table = table.select(SCHEMA.names).cast(SCHEMA)  # a cast imports pyarrow.compute: 40 ms
        return table if mark == digest(table).encode() else None
    except (OSError, pa.ArrowException, ValueError, KeyError):
        return None
