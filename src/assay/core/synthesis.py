"""Types of synthesis: what stored attempts are turned into, and what a method sees of them.

A method never says that a row is verified: the stage that writes its rows judges them again, or looks the verdict up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from assay.core.types import Label, Message, Outcome, Problem

Writer = Literal["policy", "gold", "paraphrase", "teacher", "mixed", "vote"]


class GradedAttempt(NamedTuple):
    """One stored attempt with its present verdict."""

    rollout_id: str
    sample: int
    outcome: Outcome
    answer: str  # the final answer that was read; "" = none
    tokens: int
    text: str = ""  # the completion, where the method asks for texts; else ""
    digest: str = ""  # hash of the completion without the spaces around it: equal texts, equal digests
    policy: str = ""  # revision of the weights that wrote it
    reason: str = ""  # what the verifier said of it, where the method asks for texts; else ""

    @property
    def correct(self) -> bool:
        """Return whether the attempt is right."""
        return self.outcome == "correct"


class AttemptedProblem(NamedTuple):
    """A problem of the train side with its label and the attempts that the lake holds of it, by sample index."""

    problem_id: str
    label: Label
    attempts: Sequence[GradedAttempt]

    def distinct(self, *outcomes: Outcome) -> list[GradedAttempt]:
        """Return the attempts of some outcomes by sample index; equal texts count once."""
        distinct: dict[str, GradedAttempt] = {}
        for attempt in self.attempts:
            if attempt.outcome in outcomes:
                distinct.setdefault(attempt.digest, attempt)
        return list(distinct.values())

    def distinct_wrong(self, limit: int) -> list[GradedAttempt]:
        """Return the first wrong attempts that say something, at most `limit`; equal texts count once."""
        return [attempt for attempt in self.distinct("wrong") if attempt.text.strip()][:limit]

    def wrong_in_steps(self, delimiter: str, *, max_steps: int, limit: int) -> list[tuple[GradedAttempt, list[str]]]:
        """Return the first wrong attempts of 2 to `max_steps` steps with these steps, at most `limit`; equal texts
        count once.

        Args:
            delimiter: ends a step.
            max_steps: an attempt of more steps is left out.
            limit: attempts at most.
        """
        cut = ((attempt, split_steps(attempt.text, delimiter)) for attempt in self.distinct("wrong"))
        return [(attempt, steps) for attempt, steps in cut if 2 <= len(steps) <= max_steps][:limit]


def split_steps(text: str, delimiter: str) -> list[str]:
    """Cut a text into steps that together are the text; a step holds the delimiter that ends it, and none is blank.

    >>> split_steps("a\\n\\nb\\n", "\\n")
    ['a\\n\\n', 'b\\n']
    """
    *ended, last = text.split(delimiter)
    steps: list[str] = []
    for piece in (*(piece + delimiter for piece in ended), last):
        if steps and not (piece.strip() and steps[-1].strip()):
            steps[-1] += piece
        else:
            steps.append(piece)
    return steps if text.strip() else []


@dataclass(frozen=True, slots=True)
class TreeNode:
    """One node of a stored tree search."""

    id: str
    parent: str  # id of the node above; "" = the root
    depth: int
    text: str  # what it adds to its parent's
    visits: int
    n_correct: int  # completions from here
    n_wrong: int
    prior: float | None  # weight that the policy gave it, in [0, 1]; None = it gave none
    finished: bool = False  # the policy ended its answer here

    @property
    def value(self) -> float | None:
        """Return the share of judged completions from here that were right; None = none was judged."""
        n_judged = self.n_correct + self.n_wrong
        return self.n_correct / n_judged if n_judged else None


@dataclass(frozen=True, slots=True)
class SearchedProblem:
    """A problem with the tree of one stored search; the root is the first node."""

    problem_id: str
    label: Label
    nodes: Sequence[TreeNode]
    policy: str = ""  # revision of the weights that wrote it


class Target(NamedTuple):
    """An answer to imitate, or to avoid. The columns of the table `targets` say what each field means."""

    problem_id: str
    label_id: str | None = None
    rollout_id: str | None = None
    completion: str | None = None  # None = the text of `rollout_id`
    messages: tuple[Message, ...] | None = None  # None = the problem's chat, as the policy is asked
    prefix: str | None = None
    masked: tuple[tuple[int, int], ...] | None = None  # characters of the completion without loss
    tier: int = 0
    wanted: int | None = None
    weight: float = 1.0
    origin: Writer = "policy"
    confidence: float = 1.0
    policy: str | None = None
    parents: tuple[str, ...] = ()
    desirable: bool = True  # False: an answer to avoid, which KTO alone reads


@dataclass(frozen=True, slots=True)
class Pair:
    """A preference between two answers. The columns of the table `pairs` say what each field means."""

    problem_id: str
    rule: str
    chosen: str  # id of an attempt, a tree node or a label
    rejected: str
    label_id: str | None = None
    prefix_id: str | None = None
    messages: tuple[Message, ...] | None = None
    prefix: str | None = None
    chosen_text: str | None = None  # None = the text of that attempt
    rejected_text: str | None = None
    margin: float | None = None  # above 0 = chosen is better
    soft_label: float | None = None  # probability that chosen is better; None = 1
    origin: Writer = "policy"
    confidence: float = 1.0
    policy: str | None = None
    parents: tuple[str, ...] = ()


class StepValue(NamedTuple):
    """One step of an answer, and the completions from behind it."""

    text: str
    n: int
    n_correct: int

    @property
    def value(self) -> float | None:
        """Return the share of completions that were right, in [0, 1]; None = there were none."""
        return self.n_correct / self.n if self.n else None


@dataclass(frozen=True, slots=True)
class StepLabels:
    """An answer cut into steps, each with how often it was completed to a right answer from there."""

    problem_id: str
    steps: tuple[StepValue, ...]
    rollout_id: str | None = None  # None = a path of a tree
    correct: bool | None = None
    policy: str | None = None
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Derived:
    """A new problem with its label, or a new label of an old problem, and the problems that it was made from."""

    problem: Problem
    label: Label
    parent_ids: tuple[str, ...]  # problems; a new problem stays on their side of every split
    rule: str = ""
    origin: Writer = "gold"
    confidence: float = 1.0
    guess_floor: float = 0.0  # pass rate of blind guessing, in [0, 1)
    checked: bool = True  # the label was computed a second time, or a gold answer agrees
    parents: tuple[str, ...] = ()  # ids of further rows that it was made from


class TrialSummary(NamedTuple):
    """What sampling until enough answers are right has drawn."""

    drawn: int  # attempts in this run
    fullness: float  # share of the batches' room that was used before the last 5% of the targets, in [0, 1]
    stopped: str = ""  # the limit that ended it; "" = none


Product = Target | Pair | StepLabels | Derived


@dataclass(frozen=True, slots=True)
class SynthesisSummary:
    """What a method says about its run besides its rows: counts by name, and lines for a person."""

    counts: Mapping[str, float]
    lines: tuple[str, ...] = ()
