"""A connection on which a lake's tables and views appear as questions name them, each with the files that it shows."""

from collections.abc import Collection
from dataclasses import dataclass, field

import duckdb

from assay.stores import intervals, views
from assay.stores.storage import Storage
from assay.stores.tables import schemas

UNFETCHED = "its files are not fetched; a query on a bucket writes out the names of its tables"


@dataclass(slots=True)
class Session:
    """Creating all tables and views costs more than most questions do, so none is created before it is named, and none twice for the same files."""

    connection: duckdb.DuckDBPyConnection
    storage: Storage
    kind: str = ""  # "TEMP" = seen by this connection alone
    _shown: dict[str, list[views.Group]] = field(default_factory=dict)  # table -> the files that its view reads
    _made: set[str] = field(default_factory=set)  # what names tables and no files, and so needs no renewal

    def show(self, wanted: Collection[str], groups: views.Groups, *, withheld: Collection[str] = ()) -> None:
        """Each wanted table, view and macro as of these files; a withheld table, whose files have not been fetched, says so when it is asked."""
        for name, schema in schemas().items():
            files = list(groups.get(name, ()))
            if name not in wanted or self._shown.get(name) == files:
                continue
            self._shown.pop(name, None)
            if name in withheld:
                views.refuse(self.connection, name, UNFETCHED, kind=self.kind)
                continue
            for place, group in enumerate(files):
                self.connection.execute(f"SET VARIABLE {name}_{place} = $1", [list(group.paths)])
            if views.create_table(self.connection, name, views.table_query(schema, files, variables=name), kind=self.kind):
                self._shown[name] = files
        if "intervals" in wanted and "intervals" not in self._made:
            views.create_intervals(self.connection, intervals.known(self.storage), kind=self.kind)
            self._made.add("intervals")
        for name in (*views.macros(), *views.asked()):
            if name in wanted and name not in self._made:
                views.create_asked(self.connection, name, kind=self.kind)
                self._made.add(name)
