"""Read chats in the shapes of published datasets: role and content, ShareGPT's from and value, parts, or text."""

import ast
import json
import re
from collections.abc import Mapping
from typing import Any

from assay.core.types import Message
from assay.sources._bad_row import BadRow, shorten

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "ai": "assistant",
    "bot": "assistant",
    "chatgpt": "assistant",
}
# Placeholders of pictures, videos and sounds inside a text.
MEDIA = re.compile(
    r"<\|?(?:image|img|video|audio|picture)(?:[_ ]?(?:\d+|pad|start|token|placeholder))?\|?>"
    r"|<(?:img|image|video|audio)\s+[^>]*src\s*=|!\[[^\]\n]{0,200}\]\([^)\s]+\)"
    r"|\[(?:IMG|IMAGE|image|img)(?:[ _]?\d+)?\]|<\|vision_start\|>",
)
# Names of columns that hold them.
MEDIA_COLUMN = re.compile(
    r"(?:images?|videos?|audios?|pictures?)(?:_\d+)?|image_(?:paths?|urls?|bytes)|decoded_image", re.IGNORECASE
)
PICTURE_COLUMN = re.compile(r"(?:images?|pictures?)(?:_\d+)?|image_(?:paths?|urls?|bytes)|decoded_image", re.IGNORECASE)
PICTURE_KEYS = ("image", "image_url", "url", "path", "base64", "data", "source")  # of a part that is a picture
PICTURE_MARK = "<image>"  # in place of such a part
# Names of columns that hold tools for the model to call.
TOOL_COLUMNS = frozenset(["tools", "functions", "tool_schema", "tool_schemas", "tool_definitions"])
CHAT_START = re.compile(r"\s*\[\s*\{\s*(['\"])(?:role|content|from|value)\1\s*:\s*(?:['\"\[]|None\b|null\b)")


def read_chat(value: Any, name: str, shown: list[Any] | None = None) -> tuple[Message, ...]:
    """Read the turns of a chat.

    Args:
        value: the field's value.
        name: the field's name, for messages.
        shown: takes what the parts that are pictures hold, None where one holds nothing; such a part is a mark in the
            text. None = such parts are refused.

    Raises:
        BadRow: it is not a list, an element is not a turn, or a part of a turn is not text.
    """
    if not isinstance(value, list) or not value:
        raise BadRow("prompt_not_text", f"{name!r} holds {shorten(value)}")
    return tuple(_read_turn(turn, name, shown) for turn in value)


def parse_chat_text(text: str, name: str, shown: list[Any] | None = None) -> tuple[Message, ...] | None:
    """Read a chat that a table stores as text, in JSON or as a Python literal.

    Args:
        text: the field's value.
        name: the field's name, for messages.
        shown: as of `read_chat`.

    Returns:
        The turns; None for a text that is not a chat.

    Raises:
        BadRow: it begins like a chat and cannot be read as one.
    """
    if not CHAT_START.match(text):
        return None
    for parse in (json.loads, ast.literal_eval):
        try:
            value = parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return read_chat(value, name, shown)
    raise BadRow(
        "bad_chat",
        f"{name!r} begins as a chat stored as text, and is neither JSON nor a Python literal: {shorten(text)}",
    )


def _read_turn(turn: Any, name: str, shown: list[Any] | None) -> Message:
    if not isinstance(turn, Mapping):
        raise BadRow("bad_chat", f"{name!r}: a turn is an object of role and content, found {shorten(turn)}")
    speaker, content = turn.get("role", turn.get("from")), turn.get("content", turn.get("value"))
    role = ROLES.get(speaker) if isinstance(speaker, str) else None
    if role is None or turn.get("tool_calls"):
        raise BadRow("bad_chat", f"{name!r}: a role is one of {tuple(ROLES)}, found {shorten(turn)}")
    if isinstance(content, list):
        content = "".join(_read_part(part, name, shown) for part in content)
    if not isinstance(content, str):
        raise BadRow("bad_chat", f"{name!r}: a turn's content is a text, found {shorten(turn)}")
    return Message(role, content)


def _read_part(part: Any, name: str, shown: list[Any] | None) -> str:
    if isinstance(part, str):
        return part
    kind, text = (part.get("type", "text"), part.get("text")) if isinstance(part, Mapping) else (None, None)
    if isinstance(text, str) and kind in ("text", "input_text", "output_text"):
        return text
    if shown is not None and isinstance(part, Mapping) and isinstance(kind, str) and "image" in kind:
        shown.append(next((part[key] for key in PICTURE_KEYS if part.get(key)), None))
        return PICTURE_MARK
    if isinstance(kind, str) and re.search("image|video|audio", kind):
        raise BadRow("needs_image", f"{name!r} holds a part of type {kind!r}; problems are texts here")
    raise BadRow("bad_chat", f"{name!r}: a part of a turn is a text, found {shorten(part)}")
