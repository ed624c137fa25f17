"""`rewrite`: a teacher names the first wrong step of a failed attempt and writes the solution anew (MathSE)."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from assay.core.ports import SynthesisEvidence
from assay.core.synthesis import AttemptedProblem, GradedAttempt, SynthesisSummary, Target
from assay.core.types import Problem

SLICE = 128  # problems whose failures are shown to the teacher at a time
NAMED = re.compile(r"first wrong step\W{0,6}(\d+)[^\n]*\n?", re.IGNORECASE)


@dataclass(frozen=True)
class Rewrite:
    """Show a teacher a wrong attempt in numbered steps, and keep what it writes anew where the verifier accepts it.

    The teacher is the model of `[synthesize.teacher]`. It is asked to name the first wrong step, and to write the whole
    solution anew from there; the line with the number is not a part of the target. An answer without such a line, or
    with a number that the attempt does not have, is left out (`unnamed`), since nothing then says that the teacher read
    the attempt. The teacher's answers are stored as its own attempts, so they are paid for once.

    With `self_solved` off, only problems without a right attempt of the policy's own are shown.

    Source: arXiv:2511.06805 (MathSE); the words of the prompt are ours, and the verifier stands for the outcome reward
    model there.
    """

    needs: ClassVar[tuple[str, ...]] = ("attempted", "teacher")
    draws: ClassVar[bool] = False

    failures: Annotated[int, Field(ge=1)] = 1  # wrong attempts per problem that are shown
    attempts: Annotated[int, Field(ge=1)] = 1  # rewritings of each
    keep: Annotated[int, Field(ge=1)] = 1  # right rewritings of each that become targets
    self_solved: bool = False  # True: also problems that the policy solves at times
    delimiter: Annotated[str, Field(min_length=1)] = "\n"  # ends a step
    prompt: str = (
        "Here is a problem and a solution whose answer is wrong. Its steps are numbered.\n\nProblem:\n{problem}\n\n"
        'Solution:\n{steps}\n\nOn the first line write "First wrong step: " and its number. Then write the whole '
        "solution without numbers: keep what stands before that step, and go on rightly from there to the final answer."
    )

    def synthesize(self, evidence: SynthesisEvidence) -> Iterator[Target | SynthesisSummary]:
        """Yield the targets, and what became of the failed attempts."""
        counts = {"shown": 0, "rewritten": 0, "unnamed": 0, "still_wrong": 0}
        waiting: list[AttemptedProblem] = []
        for problem in evidence.attempted(texts=True):
            solved = any(attempt.correct for attempt in problem.attempts)
            if problem.distinct_wrong(self.failures) and (self.self_solved or not solved):
                waiting.append(problem)
            if len(waiting) == SLICE:
                yield from self._rewritten(evidence, waiting, counts)
                waiting = []
        yield from self._rewritten(evidence, waiting, counts)
        line = (
            f"{counts['rewritten']} of {counts['shown']} failed attempts were rewritten; of the teacher's answers "
            f"{counts['unnamed']} named no step of theirs and {counts['still_wrong']} were wrong"
        )
        yield SynthesisSummary(counts, (line,))

    def _rewritten(
        self, evidence: SynthesisEvidence, problems: Sequence[AttemptedProblem], counts: dict[str, int]
    ) -> Iterator[Target]:
        questions = evidence.problems([item.problem_id for item in problems]) if problems else {}
        cases = [(item, wrong) for item in problems for wrong in item.distinct_wrong(self.failures)]
        prompts = [(self.prompt_of(questions[item.problem_id], wrong.text), item.label) for item, wrong in cases]
        answers = evidence.teach(prompts, self.attempts) if prompts else []
        for (item, wrong), rewriting in zip(cases, answers, strict=True):
            counts["shown"] += 1
            right = list(self._right(wrong, rewriting.attempts, counts))
            counts["rewritten"] += bool(right)
            for attempt, text in right[: self.keep]:
                yield Target(
                    item.problem_id,
                    item.label.id,
                    completion=text,
                    origin="teacher",
                    policy=attempt.policy,
                    parents=(wrong.rollout_id, attempt.rollout_id),
                )

    def _right(
        self, wrong: GradedAttempt, answers: Sequence[GradedAttempt], counts: dict[str, int]
    ) -> Iterator[tuple[GradedAttempt, str]]:
        steps = len(numbered(wrong.text, self.delimiter))
        for attempt in answers:
            number, text = named_step(attempt.text)
            if not 1 <= number <= steps or not text:
                counts["unnamed"] += 1
            elif not attempt.correct:
                counts["still_wrong"] += 1
            else:
                yield attempt, text

    def prompt_of(self, problem: Problem, answer: str) -> Problem:
        """Return what the teacher is asked about a wrong answer."""
        steps = "\n".join(numbered(answer, self.delimiter))
        text = self.prompt.replace("{problem}", problem.text).replace("{steps}", steps)
        return Problem.of(text, source=problem.source, media=problem.media, metadata=json.loads(problem.metadata))


def numbered(text: str, delimiter: str) -> list[str]:
    """Return the steps of a text that are not blank, numbered from 1.

    >>> numbered("2 + 3 = 6\\n\\nso 6", "\\n")
    ['1. 2 + 3 = 6', '2. so 6']
    """
    steps = [step.strip() for step in text.split(delimiter) if step.strip()]
    return [f"{number}. {step}" for number, step in enumerate(steps, start=1)]


def named_step(text: str) -> tuple[int, str]:
    """Return the number of the step that an answer names, and the text behind that line; 0 = it names none.

    >>> named_step("First wrong step: 2\\nso 5")
    (2, 'so 5')
    """
    match = NAMED.search(text)
    return (int(match[1]), text[match.end() :].strip()) if match else (0, text)
