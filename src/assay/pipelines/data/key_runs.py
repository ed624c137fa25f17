"""Keys of a pool's problems, 64 bits each: of a large pool they lie on disk, in runs that are sorted by key."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

RUN_ROWS = 1_000_000  # keys in memory at a time, 37 bytes each
SAMPLE = 1_000  # of so many keys of a run one is looked at where runs are cut into ranges
KEYS = pa.schema([("id", pa.string()), ("hash", pa.int64()), ("several", pa.bool_())])  # several labels

Hashes = NDArray[np.int64]


class KeyRuns:
    """The keys of problems, to find those that share one.

    `RUN_ROWS` of them are sorted and become a run. Runs behind the first lie in files without a name, which are mapped
    into memory and go with this object. What is shared is found range by range of hashes: a range holds about
    `RUN_ROWS` keys of all runs together, so that memory does not grow with the pool.
    """

    def __init__(self) -> None:
        self._runs: list[pa.Table] = []
        self._batches: list[pa.RecordBatch] = []
        self._rows = 0  # in these batches

    def add(self, batch: pa.RecordBatch) -> None:
        """Add rows of `KEYS`; a problem is added once."""
        self._batches.append(batch)
        self._rows += batch.num_rows
        if self._rows >= RUN_ROWS:
            self._runs.append(_write_run(self._end_run()))

    def shared(self) -> Iterator[pa.Table]:
        """Yield the rows whose hash another row has too, or whose problem has several labels, by ascending hash.

        Rows of one hash are in one table.
        """
        runs = [*self._runs, self._end_run()]
        hashes = [run["hash"].to_numpy() for run in runs]
        cuts = [_cut(column, _bounds(hashes)) for column in hashes]
        for number in range(len(cuts[0]) - 1):
            parts = [run.slice(cut[number], cut[number + 1] - cut[number]) for run, cut in zip(runs, cuts, strict=True)]
            keys = pa.concat_tables(parts)
            column = keys["hash"].to_numpy()
            _, place, many = np.unique(column, return_inverse=True, return_counts=True)
            rows = np.flatnonzero((many[place] > 1) | keys["several"].to_numpy())
            if len(rows):
                yield keys.take(pa.array(rows[np.argsort(column[rows], kind="stable")]))

    def _end_run(self) -> pa.Table:
        """Return the rows that are no run yet as one, by ascending hash."""
        keys = pa.Table.from_batches(self._batches, KEYS)
        self._batches, self._rows = [], 0
        return keys.take(pa.array(np.argsort(keys["hash"].to_numpy(), kind="stable"))).combine_chunks()


def _write_run(run: pa.Table) -> pa.Table:
    """Write a run into a file that has no name any more once it is mapped."""
    with tempfile.TemporaryDirectory(prefix="assay-keys-") as folder:
        path = Path(folder, "run.arrow")
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, run.schema) as writer:
            writer.write(run)
        return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def _bounds(hashes: list[Hashes]) -> Hashes:
    """Return the hashes at which ranges begin that hold about RUN_ROWS rows each, the first one left out."""
    rows = sum(map(len, hashes))
    step = max(1, min(SAMPLE, RUN_ROWS // 2))
    sample = np.sort(np.concatenate([column[::step] for column in hashes]))
    n_ranges = max(1, -(-rows // RUN_ROWS))
    return np.unique(sample[[len(sample) * number // n_ranges for number in range(1, n_ranges)]])


def _cut(column: Hashes, bounds: Hashes) -> list[int]:
    """Return where the ranges begin in a run, and its end."""
    return [0, *np.searchsorted(column, bounds).tolist(), len(column)]
