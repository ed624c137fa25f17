"""`introspect`: second turns after the policy's own failures, whose right answers become targets (RISE)."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from assay.core.ports import SynthesisEvidence
from assay.core.synthesis import AttemptedProblem, SynthesisSummary, Target
from assay.core.types import Message, Problem

SLICE = 128  # problems whose failures are taken up at a time


@dataclass(frozen=True)
class Introspect:
    """Show the policy its own wrong answer, say that it is not right, and keep the right answers of the second turn.

    The chat is the question, the wrong answer and `turn`; a right answer to it becomes a target with that chat as its
    `messages`. The summary sets the rate of the second turn beside the first turn's on the same problems: where it is
    not higher, the turn taught nothing that another first try would not have brought.

    Source: arXiv:2407.18219 (RISE); the words of the turn are ours, and rewards are the verdicts.
    """

    needs: ClassVar[tuple[str, ...]] = ("attempted", "attempt")
    draws: ClassVar[bool] = False

    turn: str = "That is not right. Find the mistake and answer again."
    failures: Annotated[int, Field(ge=1)] = 1  # wrong answers per problem that are taken up
    attempts: Annotated[int, Field(ge=1)] = 4  # second turns per wrong answer
    keep: Annotated[int, Field(ge=1)] = 1  # right second answers per wrong answer that become targets

    def synthesize(self, evidence: SynthesisEvidence) -> Iterator[Target | SynthesisSummary]:
        """Yield targets, and the rates of both turns."""
        names = ("taken_up", "mended", "first", "first_right", "second", "second_right")
        counts, waiting = Counter(dict.fromkeys(names, 0)), list[AttemptedProblem]()
        for problem in evidence.attempted(texts=True):
            if problem.distinct_wrong(self.failures):
                waiting.append(problem)
            if len(waiting) == SLICE:
                yield from self._second(evidence, waiting, counts)
                waiting = []
        yield from self._second(evidence, waiting, counts)
        first, second = (
            counts[f"{turn}_right"] / counts[turn] if counts[turn] else 0.0 for turn in ("first", "second")
        )
        line = (
            f"{counts['mended']} of {counts['taken_up']} wrong answers were mended; the second turn is right "
            f"{second:.1%} of the time, the first one was {first:.1%} on the same problems"
        )
        yield SynthesisSummary({**counts, "first_rate": round(first, 4), "second_rate": round(second, 4)}, (line,))

    def _second(
        self, evidence: SynthesisEvidence, problems: Sequence[AttemptedProblem], counts: Counter[str]
    ) -> Iterator[Target]:
        questions = evidence.problems([item.problem_id for item in problems]) if problems else {}
        cases = [(item, wrong) for item in problems for wrong in item.distinct_wrong(self.failures)]
        chats = [(self.chat_of(questions[item.problem_id], wrong.text), item.label) for item, wrong in cases]
        for item in problems:
            counts["first"] += len(item.attempts)
            counts["first_right"] += sum(attempt.correct for attempt in item.attempts)
        second_turns = evidence.attempt(chats, self.attempts) if chats else []
        for (item, wrong), (chat, label), second_turn in zip(cases, chats, second_turns, strict=True):
            right = [attempt for attempt in second_turn.attempts if attempt.correct]
            counts.update(taken_up=1, mended=bool(right), second=len(second_turn.attempts), second_right=len(right))
            for attempt in right[: self.keep]:
                yield Target(
                    item.problem_id,
                    label.id,
                    attempt.rollout_id,
                    completion=attempt.text,
                    messages=chat.messages,
                    policy=attempt.policy,
                    parents=(wrong.rollout_id, attempt.rollout_id),
                )

    def chat_of(self, problem: Problem, answer: str) -> Problem:
        """Return the chat of a problem, a wrong answer to it and the turn that says so."""
        turns = (*problem.messages, Message("assistant", answer), Message("user", self.turn))
        return Problem.of(turns, source=problem.source, media=problem.media, metadata=json.loads(problem.metadata))
