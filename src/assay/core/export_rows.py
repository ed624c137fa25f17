"""What every export receives: the curriculum's problems in their order, each with what was measured of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

from assay.core.identity import canonical_json
from assay.core.pictures import Picture, place_pictures


class ChatTurn(TypedDict):
    """One chat turn in the form that data sets use."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One place of the curriculum, or one problem that was filtered out."""

    assay_id: str  # problems.id
    prompt: tuple[ChatTurn, ...]  # as the policy saw it: system, few-shot turns, template
    question: str  # the last user turn alone, as the author wrote it
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
    row_id: str = ""  # the row's own id, where the source keeps one
    messages: tuple[ChatTurn, ...] = ()  # as the author wrote them, before the template
    metadata: str = "{}"  # canonical JSON: the fields that the source keeps
    gold: str = ""  # the whole label, of which `answer` is the first reading
    verifier_version: str = ""
    low: float | None = None  # interval of the pass rate, in [0, 1]
    high: float | None = None
    revision: str = ""  # of the policy's weights
    sampler: str = ""  # sampling_configs.id
    temperature: float = 1.0
    max_tokens: int = 0  # cap of one attempt
    template: str = "{prompt}"
    media: tuple[str, ...] = ()  # SHA-256 of each picture of the problem
    pictures: tuple[Picture, ...] | None = None  # their files; None = no row of the data set shows any

    def shown_turns(self) -> list[tuple[str, list[str | Picture]]]:
        """Return the prompt's turns as role and pieces: texts, and pictures where the text marks them."""
        users = [turn["content"] for turn in self.prompt if turn["role"] == "user"]
        placed = iter(place_pictures(users, self.pictures or ()))
        return [(turn["role"], next(placed) if turn["role"] == "user" else [turn["content"]]) for turn in self.prompt]

    def record(self) -> "Row":
        """Return what travels with a row into any trainer: where it comes from, what judges it and what was measured.

        Every value is a text, a number or null. `messages`, `metadata`, `gold`, `verifier` and `source` are what an
        exported reward judges by (`assay.integrations.reward`).
        """
        return {
            "assay_id": self.assay_id,
            "index": self.place,
            "lesson": self.lesson,
            "weight": self.weight,
            "reason": self.reason,
            "source": self.source,
            "row_id": self.row_id,
            "verifier": self.verifier,
            "verifier_version": self.verifier_version,
            "gold": self.gold or self.answer,
            "messages": canonical_json(list(self.messages)),
            "metadata": self.metadata,
            "correct": self.correct,
            "wrong": self.wrong,
            "truncated": self.truncated,
            "error": self.error,
            "mean": self.mean,
            "low": self.low,
            "high": self.high,
            "policy": self.policy,
            "revision": self.revision,
            "sampler": self.sampler,
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "template": self.template,
        }

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
    licence: str = ""  # of the whole data set, `export.licence`
    sampling: Mapping[str, Any] = field(default_factory=dict)  # the policy's sampling settings
    benchmarks: Sequence[str] = ()  # that were decontaminated against
    tokens: int = 0  # generated for the scores
    attempts: int = 0  # stored attempts of the policy under this sampler


@dataclass(frozen=True, slots=True)
class CheckedAttempt:
    """A completion that `curate export --check` sends through an exported reward."""

    text: str
    finish: str  # stop or length
    tokens: int  # generated


Row = dict[str, Any]
