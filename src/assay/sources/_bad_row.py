"""What is wrong with a row, and how its values are shown in messages."""

import json
from typing import Any

_decode = json.JSONDecoder().raw_decode


class BadRow(ValueError):
    """A row that cannot become a problem: a reason in one word, and a detail that names the value."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


def parse_json(text: str) -> Any:
    """Return the value of a JSON text, or a BadRow that says where it breaks."""
    try:  # most texts are one value without white space around it: half of the time of `json.loads`
        value, end = _decode(text)
        if end == len(text):
            return value
    except (ValueError, RecursionError):
        pass
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:  # a number of 10,000 digits is a ValueError too
        return BadRow("broken_json", f"{shorten(str(error), 120)}: {shorten(text)}")


def shorten(value: object, chars: int = 80) -> str:
    """Write any value as at most `chars` printable ASCII characters."""
    try:
        text = ascii(value if not isinstance(value, str) else value[: chars + 1])
    except (RecursionError, ValueError):  # values nested too deep, and numbers of too many digits
        return f"a {type(value).__name__}"
    return text if len(text) <= chars else text[: chars - 3] + "..."


def escape_surrogates(text: str) -> str:
    """Write lone surrogates as escapes, so that the text can be stored and shown."""
    return text.encode("utf-8", "backslashreplace").decode()
