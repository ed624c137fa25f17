"""Read a day of a month, in words and digits."""

import re
from dataclasses import dataclass

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTH = "|".join(rf"{month[:3]}(?:{month[3:]}|t?\.)?" for month in _MONTHS)
_DAY = r"([1-9]|[12]\d|3[01])(?:st|nd|rd|th)?"
_DATE = re.compile(rf"({_MONTH})\s+(?:the\s+)?{_DAY}|(?:the\s+)?{_DAY}\s+(?:of\s+)?({_MONTH})", re.IGNORECASE)


@dataclass(frozen=True)
class DayOfYear:
    """A month, 1 to 12, and a day of it."""

    month: int
    day: int


def read_day_of_year(text: str) -> DayOfYear | None:
    """Read the day that a text names; None where it is not a date.

    >>> read_day_of_year("October 30"), read_day_of_year("the 4th of July"), read_day_of_year("May")
    (DayOfYear(month=10, day=30), DayOfYear(month=7, day=4), None)
    """
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    name = (match[1] or match[4])[:3].lower()
    month = next(number for number, month in enumerate(_MONTHS, 1) if month.startswith(name))
    return DayOfYear(month, int(match[2] or match[3]))
