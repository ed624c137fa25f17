"""`forms`: the same question as a judgement, as a choice and open, with the rate of blind guessing known."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from assay.core.identity import derive_seed
from assay.core.ports import SynthesisEvidence
from assay.core.synthesis import AttemptedProblem, Derived, SynthesisSummary
from assay.core.types import Label, Problem

LETTERS = "ABCDEFGHIJ"
SLICE = 1_000  # problems whose questions are in memory at once


@dataclass(frozen=True)
class Forms:
    """Ask a problem in easier forms: `judge` (is this answer right?) and `choice` (which of these is it?).

    The wrong answers are the policy's own most frequent ones, so they are the mistakes that it would make; a problem
    with fewer than the form needs is left out. Half of the judgements are of the gold answer, by the hash of the
    problem's id; the options of a choice are in an order by the same hash. `guess_floor` is the pass rate of blind
    guessing: 1/2 and 1/k. `above_floor` takes it off a measured rate, which makes the forms comparable: of a policy
    that knows the answer or guesses, the rates above the floor are equal in all forms.

    The open form is the problem itself. Training on judge, choice and open in stages is `curricula/staged.py` on the
    column `form`, which the new problems keep.

    Source: arXiv:2503.07065 (Curr-ReFT); its forms are of images with given options.
    """

    needs: ClassVar[tuple[str, ...]] = ("attempted",)
    draws: ClassVar[bool] = False

    forms: tuple[Literal["judge", "choice"], ...] = ("judge", "choice")
    options: Annotated[int, Field(ge=2, le=10)] = 4  # of a choice
    judge_template: str = "{problem}\n\nProposed answer: {answer}\nIs the proposed answer right? Answer yes or no."
    choice_template: str = "{problem}\n\n{options}\n\nAnswer with the letter of the right option."

    def synthesize(self, evidence: SynthesisEvidence) -> Iterator[Derived | SynthesisSummary]:
        """Yield the new problems, and how many problems have too few wrong answers."""
        counts, waiting = Counter({"judge": 0, "choice": 0, "too_few_wrong": 0}), list[AttemptedProblem]()
        for problem in evidence.attempted():
            waiting.append(problem)
            if len(waiting) == SLICE:
                yield from self._derive(evidence, waiting, counts)
                waiting = []
        yield from self._derive(evidence, waiting, counts)
        line = (
            f"{counts['judge']} judgements and {counts['choice']} choices; {counts['too_few_wrong']} times a problem "
            "had too few different wrong answers"
        )
        yield SynthesisSummary(dict(counts), (line,))

    def _derive(
        self, evidence: SynthesisEvidence, attempted: Sequence[AttemptedProblem], counts: Counter[str]
    ) -> Iterator[Derived]:
        problems = evidence.problems([item.problem_id for item in attempted])
        for item in attempted:
            problem, wrong = problems[item.problem_id], wrong_answers(item)
            for form in self.forms:
                if len(wrong) < (1 if form == "judge" else self.options - 1):
                    counts["too_few_wrong"] += 1
                    continue
                counts[form] += 1
                yield self._judgement(problem, item, wrong) if form == "judge" else self._choice(problem, item, wrong)

    def _judgement(self, problem: Problem, item: AttemptedProblem, wrong: Sequence[str]) -> Derived:
        right = derive_seed("judge", problem.id) % 2 == 0
        answer = item.label.answers[0] if right else wrong[0]
        text = self.judge_template.replace("{problem}", last_turn(problem)).replace("{answer}", answer)
        return _derived(problem, item, text, "judge", "yes" if right else "no", "exact", 1 / 2)

    def _choice(self, problem: Problem, item: AttemptedProblem, wrong: Sequence[str]) -> Derived:
        answers = [item.label.answers[0], *wrong[: self.options - 1]]
        order = sorted(answers, key=lambda answer: derive_seed("choice", problem.id, answer))
        lines = "\n".join(f"{letter}. {answer}" for letter, answer in zip(LETTERS, order, strict=False))
        text = self.choice_template.replace("{problem}", last_turn(problem)).replace("{options}", lines)
        letter = LETTERS[order.index(answers[0])]
        return _derived(problem, item, text, "choice", letter, "choice", 1 / len(answers))


def above_floor(rate: float, guess_floor: float) -> float:
    """Return a pass rate with blind guessing taken off, at least 0: (rate - floor) / (1 - floor).

    >>> above_floor(0.75, 0.5), above_floor(0.4, 0.5)
    (0.5, 0.0)
    """
    return max(0.0, (rate - guess_floor) / (1 - guess_floor))


def wrong_answers(item: AttemptedProblem) -> list[str]:
    """Return the different answers of wrong attempts, the most frequent first, of equal ones the earlier."""
    votes = Counter(attempt.answer for attempt in item.attempts if attempt.outcome == "wrong" and attempt.answer)
    return [answer for answer, _ in votes.most_common() if answer not in item.label.answers]


def last_turn(problem: Problem) -> str:
    """Return the content of the last user turn."""
    return next((turn.content for turn in reversed(problem.messages) if turn.role == "user"), "")


def _derived(
    problem: Problem, item: AttemptedProblem, text: str, form: str, answer: str, verifier: str, floor: float
) -> Derived:
    turns = list(problem.messages)
    last = max(place for place, turn in enumerate(turns) if turn.role == "user")
    turns[last] = turns[last]._replace(content=text)
    metadata = {**json.loads(problem.metadata), "form": form, "guess_floor": floor}
    variant = Problem.of(tuple(turns), source=problem.source, media=problem.media, metadata=metadata)
    return Derived(
        variant,
        Label.of(variant.id, answer, verifier=verifier, origin=item.label.origin),
        (problem.id,),
        rule=form,
        guess_floor=floor,
        parents=(item.label.id,),
    )
