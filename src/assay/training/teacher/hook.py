"""Which rollouts a teacher helps with, and what becomes of them: a guided sequence takes the place of a rollout in its group."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from assay.core.errors import ConfigError, EngineError, suggest_names
from assay.core.identity import derive_seed
from assay.core.ports import Reporter
from assay.core.types import Rollout, Verdict
from assay.training.teacher.teacher import Teacher
from assay.training.trainer.groups import failed, grouped
from assay.training.trainer.schedules import SHARES, how_many, share_at

NEEDS = ("any", "wrong", "failed")
Ids = list[int]


@dataclass(frozen=True, slots=True)
class TeacherSettings:
    """How much a teacher helps, with what, and what is done with it."""

    schedule: str = "linear"  # linear, cosine or constant, from `share` to `share_last`
    share: float = 0.1  # of the finished rollouts of a group that need it, at the first step; more = more help
    share_last: float = 0.01
    length: int = 16  # steps over which the share changes
    off_after: int | None = 8  # no help from this step on, counted from 0; None = as long as the schedule gives any
    need: str = "any"  # wrong = only rollouts that are; failed = only groups in which all are (ReLIFT's rule)
    mask: str = "whole"  # which tokens the objective treats as guided: the whole sequence, or only the "teacher"'s
    go_on: bool = (
        False  # True: the student continues after the feedback, and the teacher's tokens are left out of the loss
    )
    gold: bool = False  # True: where a group is still all wrong, one rollout gives way to a demonstration
    if_gone: str = "stop"  # or "go_on": a teacher that cannot be reached ends the run, or the step goes on without it
    max_tokens: int = 512  # of a feedback

    def __post_init__(self) -> None:
        for name, found, known in (
            ("schedule", self.schedule, SHARES),
            ("need", self.need, NEEDS),
            ("mask", self.mask, ("whole", "teacher")),
            ("if_gone", self.if_gone, ("stop", "go_on")),
        ):
            if found not in known:
                raise ConfigError(f"teacher.{name} is {found!r}; {suggest_names(found, known)}")
        if not (0 <= self.share_last <= 1 and 0 <= self.share <= 1):
            raise ConfigError(f"teacher.share goes from {self.share} to {self.share_last}, and shares lie in [0, 1]")

    def share_at(self, step: int) -> float:
        """The share of a step, counted from 0."""
        return share_at(
            step,
            rule=self.schedule,
            first=self.share,
            last=self.share_last,
            length=self.length,
            off_after=self.off_after,
        )


@dataclass(frozen=True, slots=True)
class TeacherRollout:
    """A sequence that takes the place of a rollout."""

    place: int  # of the rollout in its step
    ids: Ids
    own: int  # tokens from the start that the student wrote
    foreign: int  # tokens after these that the student did not
    text: str


@dataclass
class TeacherHook:
    """Asks the teacher and writes sequences; `encode` gives ids without special tokens."""

    guidance: TeacherSettings
    teacher: Teacher
    encode: Callable[[str], Ids]
    end: int  # token that ends a completion
    window: int | None  # most tokens of prompt and completion
    reporter: Reporter
    room: int = 0  # tokens that the student may need after a feedback
    demonstrations: Callable[[str], Sequence[str]] = lambda problem_id: ()
    values: dict[str, float] = field(default_factory=dict)  # of the latest step, for its log row

    def write(
        self,
        step: int,
        run: str,
        rollouts: Sequence[Rollout],
        verdicts: Sequence[Verdict],
        ids: Sequence[Ids],
        questions: Mapping[str, str],
        prompt_tokens: Sequence[int],
    ) -> list[TeacherRollout]:
        """The sequences of one step, by place; a rollout that the teacher did not answer well stays as it was.

        Raises:
            EngineError: the teacher is gone, and the run is to stop then.
        """
        self.values = {
            "guided": 0.0,
            "teacher_malformed": 0.0,
            "teacher_too_long": 0.0,
            "teacher_tokens": 0.0,
            "teacher_seconds": 0.0,
        }
        places = chosen(
            rollouts,
            verdicts,
            self.guidance.need,
            self.guidance.share_at(step),
            np.random.default_rng(derive_seed("teacher", run, step)),
        )
        if not places:
            return []
        began = time.perf_counter()
        try:
            heard = self.teacher.hear(
                [questions[rollouts[place].problem_id] for place in places], [rollouts[place] for place in places]
            )
            if len(heard.faults) == len(places):
                raise EngineError(heard.faults[0])
        except EngineError as error:
            return self._gone(step, error)
        written = []
        for place, feedback in zip(places, heard.feedback, strict=True):
            if feedback is not None and (
                made := self._joined(place, ids[place], feedback.text, rollouts[place].text, prompt_tokens[place])
            ):
                written.append(made)
        self.values |= {
            "guided": float(len(written)),
            "teacher_malformed": float(sum(feedback is None for feedback in heard.feedback)),
            "teacher_too_long": float(
                len(places) - len(written) - sum(feedback is None for feedback in heard.feedback)
            ),
            "teacher_tokens": float(heard.tokens),
            "teacher_seconds": time.perf_counter() - began,
        }
        return written

    def shown(self, place: int, text: str, prompt_tokens: int) -> TeacherRollout | None:
        """A demonstration in the place of a rollout; None where the window is too small for it."""
        ids = [*self.encode(text), self.end]
        fits = self.window is None or prompt_tokens + len(ids) <= self.window
        return TeacherRollout(place, ids, 0, len(ids), text) if fits else None

    def _joined(self, place: int, ids: Ids, more: str, text: str, prompt_tokens: int) -> TeacherRollout | None:
        own = (
            ids[:-1] if ids[-1] == self.end else ids
        )  # no decoding and encoding of what the student wrote: its tokens stay its own
        foreign = self.encode(more) + ([] if self.guidance.go_on else [self.end])
        fits = self.window is None or prompt_tokens + len(own) + len(foreign) + self.room <= self.window
        return TeacherRollout(place, [*own, *foreign], len(own), len(foreign), text + more) if fits else None

    def _gone(self, step: int, error: EngineError) -> list[TeacherRollout]:
        if self.guidance.if_gone == "stop":
            raise EngineError(
                f"step {step + 1}: the teacher did not answer: {error}; `train resume` goes on once it does"
            ) from error
        self.reporter.warn(f"step {step + 1}: the teacher did not answer, so nothing is guided: {error}")
        return []


def chosen(
    rollouts: Sequence[Rollout], verdicts: Sequence[Verdict], need: str, share: float, rng: np.random.Generator
) -> list[int]:
    """Places of the rollouts to guide, ascending: of each group a share of the finished ones that need it, drawn uniformly."""
    if share <= 0:
        return []
    places: list[int] = []
    for group in grouped(rollouts):
        if need == "failed" and not failed(group, verdicts):
            continue
        eligible = [
            place
            for place in group
            if rollouts[place].finish == "stop" and (need == "any" or verdicts[place].outcome != "correct")
        ]
        count = how_many(eligible, share, rng.random)
        places += sorted(int(place) for place in rng.permutation(eligible)[:count])
    return sorted(places)
