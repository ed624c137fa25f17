"""One line per finding: a share with its interval, what it counts, and what to know about it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

COLUMNS = pa.schema(
    [
        ("topic", pa.string()),
        ("finding", pa.string()),
        ("share", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("count", pa.int64()),
        ("of", pa.int64()),
        ("unit", pa.string()),
        ("signal_kept", pa.float64()),
        ("signal_kept_low", pa.float64()),
        ("signal_kept_high", pa.float64()),
        ("gain", pa.float64()),
        ("gain_low", pa.float64()),
        ("gain_high", pa.float64()),
        ("note", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the table; a share of None cannot be said, and the note says why."""

    topic: str  # tokens, prompts, grades, answers, reward or choosing
    finding: str
    share: float | None  # of choosing: of all tokens that would have been saved
    low: float | None = None  # 95% interval, over prompts
    high: float | None = None
    count: int | None = None  # of groups, problems or answers
    of: int | None = None
    unit: str = ""  # what `count` counts
    signal_kept: float | None = None  # of choosing: share of the groups with signal that would still have been there
    signal_kept_low: float | None = None
    signal_kept_high: float | None = None
    gain: float | None = None  # of choosing: signal per token, 1 = as it was
    gain_low: float | None = None
    gain_high: float | None = None
    note: str = ""


Interval = tuple[float | None, float | None, float | None]


def known_interval(interval: Iterable[float]) -> Interval:
    """Return a share with its two ends; None where one is NaN."""
    point, low, high = (None if math.isnan(value) else float(value) for value in interval)
    return point, low, high


def to_table(findings: Sequence[Finding]) -> pa.Table:
    """Return the findings as an Arrow table."""
    return pa.Table.from_pylist([asdict(finding) for finding in findings], schema=COLUMNS)


def to_rows(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return the findings as JSON can hold them, without what a line does not have."""
    return [{name: value for name, value in asdict(finding).items() if value not in (None, "")} for finding in findings]
