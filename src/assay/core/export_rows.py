"""What every export receives: the curriculum's problems in their order, each with what was measured of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict


class ChatTurn(TypedDict):
    """One chat turn in the form that data sets use."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One place of the curriculum, or one problem that was filtered out."""

    assay_id: str  # problems.id
    prompt: tuple[ChatTurn, ...]  # as the policy saw it: system, few-shot turns, template
    question: str  # the last user turn alone, templated
    answer: str
    verifier: str
    source: str
    place: int  # from 0, over all phases and epochs; -1 = filtered out
    lesson: int  # from 0; -1 = filtered out
    weight: float  # of its loss, 1 = unchanged
    correct: int
    wrong: int
    truncated: int
    error: int
    mean: float | None  # posterior mean in [0, 1], 1 = always solved; None = unscored
    policy: str  # whose pass rate it is
    reason: str = ""  # why it was filtered out; "" = kept

    @property
    def graded(self) -> int:
        """Return the attempts that count for a pass rate."""
        return self.correct + self.wrong


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """What a data set's card says about the whole data set."""

    name: str
    policy: str
    revision: str
    verifiers: tuple[str, ...]
    histogram: Mapping[str, int]  # problems per range of pass rates
    drops: Sequence[tuple[str, str, int]]  # (stage, reason, rows)
    licences: Mapping[str, str]  # source -> licence, "" = unknown


Row = dict[str, Any]
