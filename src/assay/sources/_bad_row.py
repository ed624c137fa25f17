"""What is wrong with a row, and how a value is shown in one line."""


class BadRow(ValueError):
    """A row that cannot become a problem."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


def shorten(value: object, chars: int = 80) -> str:
    """A value as at most `chars` printable ASCII characters, whatever it holds."""
    try:
        text = ascii(value if not isinstance(value, str) else value[: chars + 1])
    except (RecursionError, ValueError):  # nested or many-digit values cannot be written out
        return f"a {type(value).__name__}"
    return text if len(text) <= chars else text[: chars - 3] + "..."
