"""Drops and notes as rows of their tables, under the key of the stage that made them."""

from dataclasses import asdict
from typing import Any

from assay.core.identity import content_id
from assay.core.notes import Note
from assay.core.types import Drop


def drop_row(drop: Drop, key: str) -> dict[str, Any]:
    """A drop as a row of `drops`, under the key of the stage that made it."""
    return {"id": content_id("drop", key, drop.id), "key": key, **asdict(drop)}


def note_row(note: Note, key: str) -> dict[str, Any]:
    """A note as a row of `notes`, under the key of the stage that made it."""
    return {"id": content_id("note", key, note.id), "key": key, **asdict(note)}
