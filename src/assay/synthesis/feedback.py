"""`feedback`: chats of a wrong attempt, what the verifier said of it, and a right attempt (LeTI)."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from assay.core.ports import SynthesisEvidence
from assay.core.synthesis import AttemptedProblem, GradedAttempt, SynthesisSummary, Target
from assay.core.types import Message, Problem

SLICE = 256  # problems whose questions are in memory at once


@dataclass(frozen=True)
class Feedback:
    """Teach a policy to read what the verifier says: question, wrong attempt, the verifier's words, right attempt.

    Wrong attempts of a problem meet its right ones in sampled order, each used once, equal texts once; no more is
    drawn. The words are those of the stored verdict, such as the failing test of a program, in `turn`; those of
    math verifiers say little more than "wrong".

    With `good` and `bad` set, each attempt also becomes a row of its own, as in the paper: its question behind the
    token, and a wrong attempt followed by the words. Whoever then asks behind `good` asks for right answers. Rows
    behind `bad` hold wrong answers, so they are not verified, and are learnt only where `sft.verified = false`.

    Source: arXiv:2305.10314 (LeTI): good and bad are "<|good|>" and "<|bad|>" there, and the words a stack trace.
    """

    needs: ClassVar[tuple[str, ...]] = ("attempted",)
    draws: ClassVar[bool] = False

    turn: str = "This was judged and is not right: {feedback}\nTry again."
    pairs: Annotated[int, Field(ge=1)] = 2  # chats per problem at most
    max_words: Annotated[int, Field(ge=1)] = 200  # of the verifier; what follows is left out
    good: str = ""  # stands in front of the question of a right attempt; "" with `bad` = "": chats alone
    bad: str = ""

    def __post_init__(self) -> None:
        if bool(self.good) != bool(self.bad):
            raise ValueError("good and bad must both be set, or neither")

    def synthesize(self, evidence: SynthesisEvidence) -> Iterator[Target | SynthesisSummary]:
        """Yield the chats, and how many problems have none for want of which side."""
        counts, waiting = (
            Counter({"paired": 0, "no_right": 0, "no_wrong": 0, "unattempted": 0}),
            list[AttemptedProblem](),
        )
        for problem in evidence.attempted(texts=True):
            right, wrong = chosen(problem, "correct"), chosen(problem, "wrong")
            name = "paired" if right and wrong else "no_right" if wrong else "no_wrong" if right else "unattempted"
            counts[name] += 1
            if right or wrong:
                waiting.append(problem)
            if len(waiting) == SLICE:
                yield from self._rows(evidence, waiting)
                waiting = []
        yield from self._rows(evidence, waiting)
        line = (
            f"{counts['paired']} problems have chats, {counts['no_right']} have no right attempt, {counts['no_wrong']} "
            f"no wrong one, {counts['unattempted']} neither"
        )
        yield SynthesisSummary(dict(counts), (line,))

    def _rows(self, evidence: SynthesisEvidence, problems: Sequence[AttemptedProblem]) -> Iterator[Target]:
        questions = evidence.problems([item.problem_id for item in problems]) if problems else {}
        for item in problems:
            question = questions[item.problem_id]
            right, wrong = chosen(item, "correct")[: self.pairs], chosen(item, "wrong")[: self.pairs]
            for before, after in zip(wrong, right, strict=False):
                reply = Message("user", self.turn.replace("{feedback}", self.words(before)))
                chat = (*question.messages, Message("assistant", before.text), reply)
                yield _target(item, after, after.text, chat, (before.rollout_id, after.rollout_id))
            if self.good:
                for attempt in right:
                    yield _target(item, attempt, attempt.text, marked(question, self.good), (attempt.rollout_id,))
                for attempt in wrong:
                    text = f"{attempt.text}\n{self.words(attempt)}"
                    yield _target(item, attempt, text, marked(question, self.bad), (attempt.rollout_id,))

    def words(self, attempt: GradedAttempt) -> str:
        """Return what the verifier said of an attempt, cut to `max_words`."""
        words = list(re.finditer(r"\S+", attempt.reason))
        return attempt.reason[: words[self.max_words - 1].end()] if len(words) > self.max_words else attempt.reason


def chosen(problem: AttemptedProblem, outcome: str) -> list[GradedAttempt]:
    """Return the attempts of an outcome by sample index, equal texts once."""
    first: dict[str, GradedAttempt] = {}
    for attempt in problem.attempts:
        if attempt.outcome == outcome:
            first.setdefault(attempt.digest, attempt)
    return list(first.values())


def marked(problem: Problem, token: str) -> tuple[Message, ...]:
    """Return a chat with a token in front of its last user turn."""
    turns = list(problem.messages)
    last = max(place for place, turn in enumerate(turns) if turn.role == "user")
    turns[last] = turns[last]._replace(content=f"{token} {turns[last].content}")
    return tuple(turns)


def _target(
    item: AttemptedProblem, attempt: GradedAttempt, text: str, chat: tuple[Message, ...], parents: tuple[str, ...]
) -> Target:
    return Target(
        item.problem_id,
        item.label.id,
        attempt.rollout_id,
        completion=text,
        messages=chat,
        policy=attempt.policy,
        parents=parents,
    )
