"""Rows that a policy is trained on, and that exports write: answers to imitate, preferences, and steps with labels.

Each row holds its texts, so whoever reads it needs no lake. `pipelines.data.training_rows` reads them from the tables
`targets`, `pairs` and `step_labels`.
"""

from dataclasses import dataclass
from typing import Any

from assay.core.export_rows import ChatTurn


@dataclass(frozen=True, slots=True)
class TargetRow:
    """An answer to imitate, or one to avoid."""

    id: str  # targets.id
    problem_id: str
    prompt: tuple[ChatTurn, ...]  # as the policy sees it: system, few-shot turns, template
    completion: str  # what is learnt
    prefix: str = ""  # a begun answer behind which the completion goes on; given, not learnt
    masked: tuple[tuple[int, int], ...] = ()  # characters of the completion without loss, each [begin, end)
    weight: float = 1.0  # of its loss, 1 = as it is
    method: str = ""  # of synthesis
    origin: str = ""  # who wrote it
    confidence: float = 1.0  # probability that it is right, in [0, 1]
    verified: bool = True  # the present verifier judged it right; one to avoid, wrong
    desirable: bool = True  # False: an answer to avoid, which KTO alone reads

    @property
    def answer(self) -> str:
        """The whole answer: the begun part and what follows."""
        return self.prefix + self.completion


@dataclass(frozen=True, slots=True)
class PairRow:
    """A preference: of two answers to one prompt, which is better."""

    id: str  # pairs.id
    problem_id: str
    prompt: tuple[ChatTurn, ...]
    chosen: str
    rejected: str
    prefix: str = ""  # a begun answer behind which both go on
    margin: float | None = None  # difference of their values, above 0 = chosen is better; None = the rule gives none
    soft_label: float = 1.0  # probability that chosen is better, in [0, 1]
    method: str = ""
    rule: str = ""
    origin: str = ""
    confidence: float = 1.0
    verified: bool = True


@dataclass(frozen=True, slots=True)
class StepsRow:
    """An answer in steps, each with the share of completions from behind it that were right."""

    id: str  # step_labels.id
    problem_id: str
    prompt: tuple[ChatTurn, ...]
    steps: tuple[str, ...]  # which together are the answer, delimiters included
    values: tuple[float | None, ...]  # in [0, 1]; None = nothing was completed from there
    correct: bool | None = None  # the whole answer is right; None = it has no verdict
    method: str = ""


TrainingRow = TargetRow | PairRow
Encoded = dict[str, Any]  # one row as TRL's collators read it


@dataclass(frozen=True, slots=True)
class TrainingSetSummary:
    """What a training set's card says about where its rows come from."""

    name: str  # of the config
    method: str
    synthesis: str  # synthesis_id
    policy: str
    revision: str
    verifiers: tuple[str, ...]
    sources: tuple[tuple[str, int, str], ...]  # (source, rows, licence)
    licence: str = ""  # of the whole set; "" = unknown
