"""A connection on which a lake's tables and views are created when a query names them, each with the files it shows."""

import os
import stat
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from assay.core.identity import hash_file
from assay.stores.sql import intervals, views
from assay.stores.sql.definitions import definitions
from assay.stores.storage.backend import Storage
from assay.stores.tables import schemas

UNFETCHED = "its files are not fetched; a query on a bucket writes out the names of its tables"


# size of a table up to which its files are hashed before their first use; fsck hashes those of larger tables
VERIFIED_BYTES, VERIFIED_FILES = 16 << 20, 256
SMALL = 1 << 20  # bytes of a table's files up to which its rows are held in memory: a query then opens no file


@dataclass(slots=True)
class Session:
    """Tables and views on one connection.

    Creating all of them costs more than most queries do, so none is created before a query names it, and none twice
    for the same files. A committed file never changes, so a small table's rows are read once, and those of later
    commits are added.
    """

    connection: duckdb.DuckDBPyConnection
    storage: Storage
    kind: str = ""  # "TEMP" = seen by this connection alone, and used for more than one query
    faults: dict[str, str] = field(default_factory=dict)  # tables that cannot be read -> why
    _shown: dict[str, list[views.FileGroup]] = field(default_factory=dict)  # table -> the files that it shows
    _held: set[str] = field(default_factory=set)  # tables whose rows are in memory; the others are views
    _sound: set[str] = field(default_factory=set)  # files whose hash is that of their commit
    _made: set[str] = field(default_factory=set)  # what names tables and no files, and so needs no renewal

    def show(self, wanted: Collection[str], groups: views.Groups, *, withheld: Collection[str] = ()) -> None:
        """Create or renew each wanted table, view and macro over these files.

        Args:
            wanted: names of tables, views and macros.
            groups: the files by table.
            withheld: tables whose files have not been fetched: reading one raises an error that says so.
        """
        for name in schemas():
            files = list(groups.get(name, ()))
            if name not in wanted or self._shown.get(name) == files:
                continue
            before = self._shown.pop(name, None)
            if name in withheld:
                self._let_go(name)
                views.create_failing_table(self.connection, name, UNFETCHED, kind=self.kind)
            elif fault := self._fault(files):
                self._let_go(name)
                views.create_failing_table(self.connection, name, fault, kind=self.kind)
                self.faults[name] = (
                    f"{fault}; `curate lake fsck` names what is broken and restores what can be restored"
                )
            elif self._hold(name, before, files) or not (fault := self._view(name, files)):
                self._shown[name] = files
                self.faults.pop(name, None)
            else:
                self.faults[name] = fault
        if "intervals" in wanted and "intervals" not in self._made:
            views.create_intervals(self.connection, intervals.load_intervals(self.storage), kind=self.kind)
            self._made.add("intervals")
        for name in definitions():
            if name in wanted and name not in self._made:
                views.create_defined(self.connection, name, kind=self.kind)
                self._made.add(name)

    def _fault(self, files: list[views.FileGroup]) -> str:
        """Return what is wrong with the first file that is not as its commit wrote it; "" = no fault.

        Of a large table only the sizes of the files are compared.
        """
        sums = [(path, *total) for group in files for path, total in zip(group.paths, group.sums)]
        is_hashed = len(sums) <= VERIFIED_FILES and sum(size for _, size, _ in sums) <= VERIFIED_BYTES
        for path, size, digest in sums:
            if path not in self._sound and (fault := describe_difference(path, size, digest if is_hashed else "")):
                return fault
            if is_hashed:
                self._sound.add(path)
        return ""

    def _view(self, name: str, files: list[views.FileGroup]) -> str:
        """Make the table a view over its files; return what keeps one of them from being read, "" = nothing."""
        self._let_go(name)
        for place, group in enumerate(files):
            self.connection.execute(f"SET VARIABLE {name}_{place} = $1", [list(group.paths)])
        query = views.table_query(schemas()[name], files, variables=name)
        return views.create_table(self.connection, name, query, kind=self.kind)

    def _hold(self, name: str, before: list[views.FileGroup] | None, files: list[views.FileGroup]) -> bool:
        """Hold the table's rows in memory, or add those of new files to them.

        Returns:
            False where the table is too large, a row may lie in two files, or a file is broken.
        """
        if (
            not self.kind
            or not files
            or sum(group.bytes for group in files) > SMALL
            or any(group.doubled for group in files)
        ):
            return False
        try:
            if name in self._held and (later := _later(before or [], files)) is not None:
                self.connection.execute(f'INSERT INTO temp."{name}" BY NAME {views.group_query(later)}')
            else:
                self._let_go(name)
                self.connection.execute(f'DROP VIEW IF EXISTS temp."{name}"')
                self.connection.execute(
                    f'CREATE {self.kind} TABLE "{name}" AS {views.table_query(schemas()[name], files)}'
                )
                self._held.add(name)
        except duckdb.Error:
            return False
        return True

    def _let_go(self, name: str) -> None:
        if name in self._held:
            self.connection.execute(f'DROP TABLE temp."{name}"')
            self._held.remove(name)


def _later(before: list[views.FileGroup], files: list[views.FileGroup]) -> views.FileGroup | None:
    """Return the files that were added behind those of before; None where others changed too."""
    *same, last = files
    if len(before) != len(files) or before[:-1] != same or last.paths[: len(before[-1].paths)] != before[-1].paths:
        return None
    return replace(last, paths=last.paths[len(before[-1].paths) :])


def describe_difference(path: str, size: int, digest: str) -> str:
    """Return how a file differs from what its commit wrote; "" = it does not.

    Args:
        path: the file.
        size: bytes, as committed.
        digest: SHA-256 as committed; "" = only the size is compared.
    """
    try:
        there = os.stat(path)
        if not stat.S_ISREG(there.st_mode):
            return f"{path} is not a regular file"
        if there.st_size != size:
            return f"{path} has {there.st_size} bytes on disk, {size} in the manifest"
        if digest and hash_file(Path(path)) != digest:
            return f"{path} is not what its commit wrote"
    except OSError as error:
        return f"{path}: {os.strerror(error.errno or 0)}"
    return ""
