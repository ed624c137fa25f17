"""What the page shows at a time: the keys, the pool in memory, and results that were worked out once."""

import threading
import time
from collections.abc import Callable
from typing import Any

from assay.core.config import Config
from assay.core.errors import ConfigError, EngineError, LakeError
from assay.core.ports import Reporter
from assay.pipelines.context.run import RunContext
from assay.stores.lake import Lake
from assay.stores.reader import LakeReader
from assay.stores.storage.backend import Place
from assay.viewer.keys import ViewKeys, config_keys, latest_keys
from assay.viewer.pool import PoolIndex, read_pool, read_some
from assay.viewer.pool_cache import FROM, PoolCache

POLL_S = 2.0  # between two looks at a lake that a job writes
PATIENCE = 4  # a pool is read again at the earliest after so many times as long as reading it took
FIRST_READ_S = 600.0  # limit of reading the pool, which happens behind the page


class ViewState:
    """One lake, its keys and its pool; the pool is read in a thread of its own.

    A large pool is opened from the file in which an earlier run stored it. Where there is none, some of its rows are
    shown until all are read, and then it is stored.

    Args:
        place: of the lake.
        config: whose stages are shown; None = the latest of each in the lake.
        reporter: of the config's run.
        live: follow what others commit.

    Raises:
        LakeError: there is no lake.
    """

    def __init__(self, place: Place, *, config: Config | None, reporter: Reporter, live: bool) -> None:
        self.reader, self._pool_reader = LakeReader(place), LakeReader(place)
        self.place, self.config, self.live = str(self.reader.lake.place), config, live
        self._own = Lake(place, create=False) if config is not None else None
        self.context = (
            RunContext(config, self._own, reporter, command="curate view")
            if config is not None and self._own is not None
            else None
        )
        self.context_turn = threading.Lock()
        self.keys, self.pool, self.version, self.fault = ViewKeys(), PoolIndex.empty(), "", ""
        self.ready, self.changed, self.took_s = threading.Event(), 0, 0.0
        self.whole = threading.Event()  # set once the pool holds all problems, or what it lacks cannot be read
        self.expected = 0  # problems that the lake holds, while the pool does not hold them all yet
        self._cache = PoolCache(self.place)
        self._results: dict[str, tuple[str, Any]] = {}
        self._turns: dict[str, threading.Lock] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="viewer-pool", daemon=True)

    def start(self) -> "ViewState":
        """Begin to read the pool; return this state."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop following, and close the lake."""
        self._closing.set()
        self.whole.set()
        self.reader.lake.interrupt()
        self._pool_reader.lake.interrupt()
        self._thread.join(10)
        if self.context is not None:
            self.context.close()
        self.pool.close()
        self.reader.close()
        self._pool_reader.close()

    def whole_pool(self) -> PoolIndex:
        """Return the pool after waiting for all of its problems."""
        self.whole.wait(FIRST_READ_S)
        return self.pool

    def once(self, name: str, work: Callable[[], Any]) -> Any:
        """Return what was worked out for this state of the lake, after working it out where it was not.

        Args:
            name: of the result.
            work: works it out.
        """
        with self._turns.setdefault(name, threading.Lock()):
            version = self.version
            result = self._results.get(name)
            if result is None or result[0] != version:
                result = self._results[name] = (version, work())
            return result[1]

    def _follow(self) -> None:
        while not self._closing.is_set():
            self._look()
            if not self.live:
                return
            self._closing.wait(max(POLL_S, PATIENCE * self.took_s))

    def _look(self) -> None:
        """Read the pool again where the lake has changed; what fails is told on the page, and tried again."""
        try:
            version = self.reader.version()
            if version == self.version:
                return
            begun = time.monotonic()
            keys = self._read_keys()
            table = None
            if (cached := self._cache.find(version, keys)) is None:
                self._show_some(version, keys)
                table = read_pool(self._pool_reader, keys, limit_s=FIRST_READ_S)
            self._show(version, keys, PoolIndex(table if cached is None else cached))
            self.took_s = time.monotonic() - begun
            self.whole.set()
            if table is not None:
                self._cache.keep(version, keys, table)
        except (ConfigError, LakeError, EngineError) as error:
            self.fault = str(error)
        finally:
            self.ready.set()
            self.whole.set()

    def _show_some(self, version: str, keys: ViewKeys) -> None:
        """Show some rows of a large pool that has not been shown yet."""
        self.expected = sum(rows for table, rows, _ in self.reader.files() if table == "problems")
        if self.ready.is_set() or self.expected < FROM:
            return
        if (some := read_some(self.reader, keys)) is not None:
            self._show(f"{version}-some", keys, PoolIndex(some))
            self.ready.set()

    def _show(self, version: str, keys: ViewKeys, pool: PoolIndex) -> None:
        self.keys, self.version, self.fault = keys, version, ""
        self.pool = pool  # the one before is freed when the last request that reads it has ended
        self.changed += 1

    def _read_keys(self) -> ViewKeys:
        if self.context is None:
            return latest_keys(self.reader)
        with self.context_turn:
            return config_keys(self.context, self.reader)
