"""`dart`: DART-Math's rejection sampling: more trials where problems are hard, until enough answers are right."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from assay.core.ports import SynthesisEvidence
from assay.core.synthesis import AttemptedProblem, GradedAttempt, SynthesisSummary, Target, TrialSummary
from assay.core.types import Counts
from assay.maths.allocation.response_targets import response_targets
from assay.maths.allocation.trial_forecast import trials_by_posterior

BANDS = 5  # of pass rates, for problems whose source kept no level


@dataclass(frozen=True)
class Dart:
    """Collect right answers of the policy per problem, sampling until there are enough or the cap on trials is reached.

    rule = "uniform" wants `answers_per_problem` right answers of every problem. "prop2diff" wants `max_answers` x fail
    rate, rounded up and at least one. "vanilla" is plain rejection sampling, the baseline: the same number of
    `attempts` for every problem, and all right answers are kept. The fail rate is 1 - correct / attempts of the scores,
    where cut attempts count as wrong.

    The kept answers are a problem's first right ones by sample index, never more than it wants. Stored attempts under
    the same sampler count, so nothing is paid for twice. A problem below its target at the cap is told in the summary
    and keeps what it has.

    Source: arXiv:2407.13690, sec. 3; k_u = 40, k_p = 192, 52 trials, T = 1.6, top-p = .95 there. Equal answers count
    once (`distinct`), which the released code leaves out; it also collects one answer more than asked and goes on
    without end on impossible problems.
    """

    needs: ClassVar[tuple[str, ...]] = ("counts", "attempted", "draw_until")
    draws: ClassVar[bool] = True

    rule: Literal["uniform", "prop2diff", "vanilla"] = "prop2diff"
    answers_per_problem: Annotated[int, Field(ge=1)] = 40  # of uniform: right answers per problem
    max_answers: Annotated[int, Field(ge=1)] = 192  # of prop2diff: right answers of a problem that always fails
    attempts: Annotated[int, Field(ge=1)] = 52  # of vanilla: attempts per problem
    max_attempts: Annotated[int, Field(ge=1)] = 2048  # of uniform and prop2diff: attempts per problem at most
    distinct: bool = True  # False: equal right answers of a problem count as often as they come
    temperature: Annotated[float, Field(gt=0)] | None = None  # None = policy.temperature
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None  # None = policy.top_p
    attempts_per_batch: Annotated[int, Field(ge=1)] = 256  # attempts that are asked for at a time
    level_field: str = "level"  # a field that the source kept; the forecast is told by it, else by bands of pass rates

    @property
    def changes(self) -> dict[str, float]:
        """Return the fields of the policy's sampling config that differ."""
        values = {"temperature": self.temperature, "top_p": self.top_p}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def cap(self) -> int:
        """Return the attempts per problem at most."""
        return self.attempts if self.rule == "vanilla" else self.max_attempts

    def wanted(self, counts: Mapping[str, Counts]) -> dict[str, int]:
        """Return the right answers that each attempted problem shall have."""
        if self.rule == "vanilla":
            return dict.fromkeys(counts, self.attempts)
        fail = fail_rates(counts)
        most = self.answers_per_problem if self.rule == "uniform" else self.max_answers
        return dict(zip(counts, response_targets(fail, rule=self.rule, most=most).tolist(), strict=True))

    def forecast(self, evidence: SynthesisEvidence) -> SynthesisSummary:
        """Return the attempts that are expected by level, from the posterior of each problem's pass rate."""
        counts = scored(evidence)
        wanted = self.wanted(counts)
        stored = evidence.trials(self.changes, distinct=self.distinct)
        right, trials = (
            np.array([stored.get(id_, (0, 0))[place] for id_ in counts], dtype=np.int64) for place in (0, 1)
        )
        target = np.fromiter(wanted.values(), dtype=np.int64, count=len(wanted))
        correct, wrong = rate_counts(counts)
        expected = trials_by_posterior(correct, wrong, np.maximum(target - right, 0), np.maximum(self.cap - trials, 0))
        have = np.minimum(right, target) + expected.right
        groups = self._levels(evidence, counts)
        lines = []
        for name in sorted(set(groups)):
            rows = np.flatnonzero(np.array(groups) == name)
            lines.append(
                f"{name}: {len(rows)} problems, {int(target[rows].sum())} answers wanted, "
                f"about {have[rows].sum():.0f} expected, {expected.trials[rows].sum():.0f} attempts to draw"
            )
        total = {"problems": len(counts), "wanted": int(target.sum()), "expected": round(float(have.sum()), 1)}
        return SynthesisSummary({**total, "attempts_expected": round(float(expected.trials.sum()), 1)}, tuple(lines))

    def synthesize(self, evidence: SynthesisEvidence) -> Iterator[Target | SynthesisSummary]:
        """Draw what is missing, and yield each problem's first right answers."""
        wanted = self.wanted(scored(evidence))
        trials = evidence.draw_until(
            wanted, changes=self.changes, max_trials=self.cap, distinct=self.distinct, batch=self.attempts_per_batch
        )
        n_answers: dict[str, int] = {}
        for problem in evidence.attempted(changes=self.changes):
            target = wanted.get(problem.problem_id, 0)
            answers = self._first_right(problem.attempts[: self.cap], target)
            n_answers[problem.problem_id] = len(answers)
            yield from self._targets(problem, answers, None if self.rule == "vanilla" else target)
        yield self._summary(wanted, n_answers, trials)

    def _first_right(self, attempts: Sequence[GradedAttempt], wanted: int) -> list[GradedAttempt]:
        right = [attempt for attempt in attempts if attempt.outcome == "correct"]
        if self.distinct:
            first_of_text: dict[str, GradedAttempt] = {}
            for attempt in right:
                first_of_text.setdefault(attempt.digest, attempt)
            right = list(first_of_text.values())
        return right[:wanted]

    def _targets(
        self, problem: AttemptedProblem, answers: Sequence[GradedAttempt], wanted: int | None
    ) -> Iterator[Target]:
        id_, label = problem.problem_id, problem.label.id
        return (
            Target(id_, label, answer.rollout_id, wanted=wanted, policy=answer.policy, parents=(answer.rollout_id,))
            for answer in answers
        )

    def _summary(
        self, wanted: Mapping[str, int], n_answers: Mapping[str, int], trials: TrialSummary
    ) -> SynthesisSummary:
        total, answers = sum(wanted.values()), sum(n_answers.values())
        short = sum(n_answers.get(id_, 0) < count for id_, count in wanted.items())
        none = sum(not n_answers.get(id_, 0) for id_ in wanted)
        counts = {"wanted": total, "answers": answers, "fill": round(answers / total, 4) if total else 1.0}
        counts |= {"short": short, "unsolved": none, "drawn": trials.drawn, "batch_full": round(trials.fullness, 4)}
        lines = [f"{answers} of {total} answers wanted ({answers / total if total else 1:.1%}), {trials.drawn} drawn"]
        if short and self.rule != "vanilla":
            why = trials.stopped or f"max_attempts = {self.cap} was reached"
            lines.append(
                f"{short} of {len(wanted)} problems have fewer answers than wanted, {none} of them none: {why}"
            )
        return SynthesisSummary(counts, tuple(lines))

    def _levels(self, evidence: SynthesisEvidence, counts: Mapping[str, Counts]) -> list[str]:
        """Name the group of each problem: its level, or its band of pass rates."""
        levels: Mapping[str, Any] = evidence.field(self.level_field, list(counts)) if self.level_field else {}
        bands = np.minimum((1 - fail_rates(counts)) * BANDS, BANDS - 1).astype(int)
        return [
            f"{self.level_field} {levels[id_]}"
            if id_ in levels
            else f"pass rate {band / BANDS:.1f} to {(band + 1) / BANDS:.1f}"
            for id_, band in zip(counts, bands, strict=True)
        ]


def scored(evidence: SynthesisEvidence) -> dict[str, Counts]:
    """Return the counts of the problems that have at least one attempt with an outcome."""
    return {id_: counts for id_, counts in evidence.counts().items() if counts.total > counts.error}


def rate_counts(counts: Mapping[str, Counts]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return right attempts, and the others with cut ones among them, (n,) each."""
    correct = np.array([tally.correct for tally in counts.values()], dtype=np.int64)
    return correct, np.array([tally.wrong + tally.truncated for tally in counts.values()], dtype=np.int64)


def fail_rates(counts: Mapping[str, Counts]) -> NDArray[np.float64]:
    """Return the share of attempts that failed, (n,), in [0, 1]."""
    correct, wrong = rate_counts(counts)
    return np.asarray(wrong / np.maximum(correct + wrong, 1))
