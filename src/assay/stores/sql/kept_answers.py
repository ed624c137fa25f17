"""Answers that a run asks for again and again, such as the ids of one side of the split, kept while they are true."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import pyarrow as pa

from assay.stores.sql.views import FileGroup

Files: TypeAlias = Sequence[Sequence[FileGroup]]  # of each table that a query reads
MOST, MOST_BYTES = 64, 4 << 20  # answers that are kept, and the size of the largest


class KeptAnswers:
    """Answers of queries by their SQL and parameters; each is true while its tables have the same files."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], tuple[Files, pa.Table]] = OrderedDict()

    def get(self, sql: str, parameters: Any, files: Files, query: Callable[[str, Any], pa.Table]) -> pa.Table:
        """Return the answer; ask for it where it is not kept, or a table has other files by now.

        Args:
            sql: the query.
            parameters: its parameters.
            files: of its tables, at present.
            query: asks. A large answer is not kept, and of many the oldest goes.
        """
        name = (sql, repr(parameters))
        if name in self._kept and self._kept[name][0] == files:
            return self._kept[name][1]
        answer = query(sql, parameters)
        if answer.nbytes <= MOST_BYTES:
            self._kept[name] = files, answer
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
        return answer
