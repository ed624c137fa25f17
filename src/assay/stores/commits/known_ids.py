"""Which ids a table may hold, as sorted hashes of 64 bits: an append then reads no stored id unless a hash is equal."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assay.stores.commits.manifest import Entry, File

Hashes = NDArray[np.uint64]
FROM_ROWS = 100_000  # stored rows of a table from which on its ids are remembered; fewer are read again at each append


@dataclass(slots=True)
class KnownIds:
    """Hashes of the ids of some commits, 8 bytes each, in sorted runs, each longer than all later ones.

    An id that is stored is always found. One that is not may be found, where its hash is another's or its row was
    deleted since: whoever asks compares the ids themselves.
    """

    entries: set[str] = field(default_factory=set)  # names of the commits whose ids are in it
    runs: list[Hashes] = field(default_factory=list)

    def add(self, hashes: Hashes) -> None:
        """Add the ids of rows; each is sorted about log(n) times in all."""
        run = np.sort(hashes)
        while self.runs and len(self.runs[-1]) <= 2 * len(run):
            run = np.concatenate([self.runs.pop(), run])
            run.sort(kind="stable")  # of two sorted parts: merged in one pass
        if len(run):
            self.runs.append(run)

    def may_hold(self, hashes: Hashes) -> NDArray[np.bool_]:
        """Return which of the ids may be stored, (n,)."""
        is_stored = np.zeros(len(hashes), np.bool_)
        for run in self.runs:
            place = np.minimum(np.searchsorted(run, hashes), len(run) - 1)
            is_stored |= run[place] == hashes
        return is_stored

    def filter(self, ids: pa.Table, hash_ids: Callable[[pa.Table], pa.Table]) -> pa.Table:
        """Return those of the ids that may be stored.

        Args:
            ids: the column `id`.
            hash_ids: adds the column `hash`.
        """
        hashes = hash_ids(ids)
        return hashes.select(["id"]).filter(pa.array(self.may_hold(hashes["hash"].to_numpy())))

    def uncovered(self, live: Iterable[Entry], table: str) -> Iterator[list[File]]:
        """Yield a table's files of each commit whose ids are not in it, and count them as added.

        A commit that stands for others adds no id that they had not.
        """
        for entry in live:
            if entry.name in self.entries:
                continue
            is_covered = bool(entry.replaces) and self.entries.issuperset(entry.replaces)
            self.entries.add(entry.name)
            if not is_covered and (files := [file for file in entry.files if file.table == table]):
                yield files
