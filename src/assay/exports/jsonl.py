"""`jsonl`: every field of each place of the curriculum, one JSON object per line."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar

from assay.core.export_rows import ExportRow, Row


@dataclass(frozen=True)
class Jsonl:
    """One line per place of the curriculum, with every field of `ExportRow`."""

    suffix: ClassVar[str] = "jsonl"

    row_wise: ClassVar[bool] = True

    def rows(self, rows: Sequence[ExportRow]) -> list[Row]:
        """Return one row per place, in the curriculum's order."""
        return [{**asdict(row), "prompt": list(row.prompt), "messages": list(row.messages)} for row in rows]

    def snippet(self, file: str) -> str:
        """Return the code with which Python reads the file."""
        return f'import json\n\nrows = [json.loads(line) for line in open("{file}", encoding="utf-8")]\n'
