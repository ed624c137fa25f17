"""Re-grade a sample of a log's answers against its golds, strictly and leniently, and compare with what it recorded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.maths.rl.ratio_bootstrap import ratio_intervals
from assay.maths.text.instruction_wrappers import strip_instructions
from assay.pipelines.analysis.autopsy.groups import LogFacts
from assay.pipelines.analysis.autopsy.read import SampledAttempt
from assay.pipelines.analysis.autopsy.table import Finding, known_interval
from assay.pipelines.analysis.grade import case_of, grade_all

BATCH = 500  # answers per call
SHOWN = 6  # examples


@dataclass(frozen=True, slots=True)
class RegradedAttempt:
    """A sampled attempt with both readings of its answer."""

    attempt: SampledAttempt
    recorded: bool
    strict: bool
    lenient: bool
    extracted: str
    reason: str

    @property
    def disputed(self) -> bool:
        """Whether the log and a strict reading, or a strict and a lenient one, differ."""
        return not (self.recorded == self.strict == self.lenient)


Test = Callable[[RegradedAttempt], bool]
DOUBTS: tuple[tuple[str, Test, Test, str], ...] = (  # (name, among which answers, which of them, what it means)
    (
        "disputed answers",
        lambda row: True,
        lambda row: row.disputed,
        "the log, a strict and a lenient reading differ",
    ),
    (
        "failures that are right but for their form",
        lambda row: not row.recorded,
        lambda row: row.lenient and not row.strict,
        "leniently right, strictly not: no box, a unit, another notation",
    ),
    (
        "failures that are plainly right",
        lambda row: not row.recorded,
        lambda row: row.strict,
        "the reward missed a right answer, or counts something else",
    ),
    (
        "successes that no reading confirms",
        lambda row: row.recorded,
        lambda row: not row.lenient,
        "the reward was won without the gold answer",
    ),
)


def regrade(sample: Sequence[SampledAttempt], facts: LogFacts, *, verifier: str = "math") -> list[RegradedAttempt]:
    """Grade a sample; answers whose grading fails, and those without a reward, are left out.

    Raises:
        ConfigError: an unknown verifier, or one that runs programs.
    """
    rated = [attempt for attempt in sample if attempt.reward is not None]
    graded = list[RegradedAttempt]()
    for start in range(0, len(rated), BATCH):
        chunk = rated[start : start + BATCH]
        cases = [
            case_of(
                attempt.text,
                gold=attempt.gold,
                verifier=verifier,
                prompt=attempt.question,
                finish="length" if attempt.cut else "stop",
            )
            for attempt in chunk
        ]
        for attempt, verdict in zip(chunk, grade_all(cases), strict=True):
            if verdict.outcome != "verifier_error":
                lenient = verdict.in_mode("lenient").outcome == "correct"
                strict = verdict.outcome == "correct"
                log_grade = _recorded(attempt, facts)
                graded.append(RegradedAttempt(attempt, log_grade, strict, lenient, verdict.extracted, verdict.reason))
    return graded


def grade_findings(graded: Sequence[RegradedAttempt], attempts: int, *, verifier: str = "math") -> list[Finding]:
    """Return shares of the re-graded answers, each of the recorded failures or successes that it doubts."""
    if not graded:
        why = "the log has no gold answers: --pool FILE gives them" if attempts else "no answer could be read"
        return [Finding("grades", "disputed answers", None, note=f"unknown: {why}")]
    _, place = np.unique([row.attempt.problem for row in graded], return_inverse=True)
    whole = len(graded) >= attempts
    scope = f"verifier {verifier}, {'every answer' if whole else f'a sample of {len(graded):,} answers'}"
    findings = list[Finding]()
    for name, among, counted, note in DOUBTS:
        wholes = [float(among(row)) for row in graded]
        parts = [float(among(row) and counted(row)) for row in graded]
        sums = [np.bincount(place, values)[:, None] for values in (parts, wholes)]
        interval = known_interval(ratio_intervals(*sums)[0])
        count, of = round(sum(parts)), round(sum(wholes))
        findings.append(
            Finding("grades", name, *interval, count, of, "answers", note=note if findings else f"{note}; {scope}")
        )
    return findings


def disputed_examples(graded: Sequence[RegradedAttempt]) -> list[dict[str, Any]]:
    """Return some disputed answers, of different problems: those that the log calls wrong and a reading right first."""
    examples = dict[int, dict[str, Any]]()
    for row in sorted((row for row in graded if row.disputed), key=lambda row: (row.recorded, not row.strict)):
        examples.setdefault(
            row.attempt.problem,
            {
                "question": strip_instructions(row.attempt.question),
                "gold": row.attempt.gold,
                "answer": row.extracted or row.attempt.text[-120:],
                "recorded": _word(row.recorded),
                "strict": _word(row.strict),
                "lenient": _word(row.lenient),
                "reason": row.reason,
            },
        )
    return list(examples.values())[:SHOWN]


def _recorded(attempt: SampledAttempt, facts: LogFacts) -> bool:
    """Return whether the log calls an answer right."""
    if facts.own_correctness:
        return (attempt.correct or 0.0) >= 0.5
    return (attempt.reward or 0.0) >= facts.threshold


def _word(right: bool) -> str:
    return "right" if right else "wrong"
