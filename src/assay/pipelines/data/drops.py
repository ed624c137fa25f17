"""Convert drops and notes to rows of their tables, under the key of their stage."""

from dataclasses import asdict
from typing import Any

from assay.core.identity import content_id
from assay.core.notes import Note
from assay.core.types import Drop


def drop_row(drop: Drop, key: str) -> dict[str, Any]:
    """Convert a drop to a row of `drops`, under the key of its stage."""
    return {"id": content_id("drop", key, drop.id), "key": key, **asdict(drop)}


def note_row(note: Note, key: str) -> dict[str, Any]:
    """Convert a note to a row of `notes`, under the key of its stage."""
    return {"id": content_id("note", key, note.id), "key": key, **asdict(note)}
