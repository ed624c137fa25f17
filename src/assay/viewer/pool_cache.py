"""Pools on disk: the table of a large lake, kept on this machine, so that the page opens at once next time.

A file holds the rows of one state of one lake under one set of keys, and is named by them: another commit or another
choice of stages is another file. All of it can be made again, so what fails here only costs the time of reading.
"""

import time
from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from assay.core.errors import LakeError
from assay.core.folders import cache_folder
from assay.core.identity import content_id
from assay.stores.pool_table import PoolTable, pool_file, store_pool
from assay.viewer.keys import ViewKeys
from assay.viewer.pool import POOL, SCORED

FROM = 50_000  # problems from which a pool is kept: a smaller one is read as fast
REST_S = 3_600.0  # age from which a file that was not finished is deleted
FILES = 6  # that are kept, the most recently used


class PoolCache:
    """The stored pools of this machine.

    Args:
        place: of the lake, as people write it.
    """

    def __init__(self, place: str) -> None:
        self.place, self.folder = place, cache_folder() / "viewer"

    def find(self, version: str, keys: ViewKeys) -> PoolTable | None:
        """Return the pool of a state of the lake; None where none is stored, or its file is damaged.

        Args:
            version: of the lake, as `LakeReader.version` returns it.
            keys: which rows of it count.
        """
        path = self._path(version, keys)
        if not path.is_file():
            return None
        try:
            table = PoolTable.stored(path)
        except LakeError:
            with suppress(OSError):
                path.unlink()
            return None
        with suppress(OSError):
            path.touch()
        return table

    def keep(self, version: str, keys: ViewKeys, table: pa.Table) -> None:
        """Store a pool, and delete those that were not used for the longest time.

        Args:
            version: as of `find`.
            keys: as of `find`.
            table: of `read_pool`.
        """
        if table.num_rows < FROM:
            return
        with suppress(LakeError, OSError):
            store_pool(table, self._path(version, keys))
            for rest in self.folder.glob(".*.duckdb.*"):  # of a viewer that was killed while it wrote
                if time.time() - rest.stat().st_mtime > REST_S:
                    rest.unlink(missing_ok=True)
            files = sorted(self.folder.glob("*.duckdb"), key=lambda path: path.stat().st_mtime, reverse=True)
            for path in files[FILES:]:
                path.unlink(missing_ok=True)

    def _path(self, version: str, keys: ViewKeys) -> Path:
        values = [getattr(keys, name) for name in ViewKeys.__slots__ if name != "stages"]
        return pool_file(self.place, content_id("viewer pool", version, POOL, SCORED, values))
