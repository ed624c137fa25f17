"""Books of studies: files of one JSON object per run, to which a study adds a line when a run is complete."""

import json
from pathlib import Path
from typing import Any


def read_book(book: Path) -> list[dict[str, Any]]:
    """Return the runs of a book; a line that a kill has cut is none."""
    rows = []
    for line in book.read_text().splitlines() if book.is_file() else ():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows
