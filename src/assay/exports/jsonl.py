"""Everything that is known of each place, one JSON object a line."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from assay.core.export_rows import ExportRow, Row


@dataclass(frozen=True)
class Jsonl:
    """One line a place of the curriculum, every field of it."""

    def rows(self, chosen: Sequence[ExportRow]) -> list[Row]:
        """Rows in the curriculum's order."""
        return [{**asdict(c), "prompt": list(c.prompt)} for c in chosen]

    def snippet(self, file: str) -> str:
        """How Python reads it."""
        return f'import json\n\nrows = [json.loads(line) for line in open("{file}", encoding="utf-8")]\n'
