"""A frozen teacher reads a finished answer, without the gold answer, and writes what the student might have gone on thinking.

It is a teacher by its prompt alone: four solved examples, one for each behaviour. Any engine may run it: a copy of the student, another
checkpoint, or a server. Source: ThinkTuning, arXiv:2508.07616; the words of the prompt are ours.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assay.core.identity import content_id
from assay.core.ports import Engine
from assay.core.types import Message, Request, Rollout, SamplingConfig

FORM = re.compile(
    r"\s*<opinion>\s*(correct|incorrect)\s*</opinion>\s*<reason>(.+?)</reason>\s*<phrase>(.+?)</phrase>\s*", re.DOTALL
)
TAG = re.compile(r"</?(?:opinion|reason|phrase)>")
SYSTEM = (
    "You are a teacher who thinks aloud. You are shown a question and a student's response to it. Write three parts and nothing outside of them. "
    "<opinion> holds one word, correct or incorrect: whether the response is right. <reason> says in the first person, as if you had written the "
    "response yourself, what is right in it or where its reasoning goes wrong. <phrase> goes on from there in the first person and ends with the "
    "final answer, in the form in which the question asks for it."
)


@dataclass(frozen=True, slots=True)
class TeacherExample:
    """One example of a behaviour."""

    behaviour: str
    question: str
    response: str
    opinion: str
    reason: str
    phrase: str


SHOTS = (
    TeacherExample(
        "self-agreement",
        "A shelf holds 6 boxes of 14 pens, and 9 pens lie beside them. How many pens are there?",
        "6 boxes of 14 pens are 84 pens. With the 9 beside them there are 93.\nThe answer is 93.",
        "correct",
        "I multiplied before I added, and 6 x 14 is 84. Each number of the question was used once, so the steps hold together.",
        "So I stay with it: 84 + 9 = 93.\nThe answer is 93.",
    ),
    TeacherExample(
        "self-conflict",
        "Mia reads 12 pages a day from Monday to Friday and none at the weekend. How many pages does she read in 3 weeks?",
        "3 weeks are 21 days. 21 x 12 = 252.\nThe answer is 252.",
        "incorrect",
        "Wait, I counted all 7 days of a week. She reads from Monday to Friday only, and that is 5 days.",
        "Let me go back: 3 weeks have 15 such days, and 15 x 12 = 180.\nThe answer is 180.",
    ),
    TeacherExample(
        "self-consultation",
        "A coat costs 80 dollars and is sold at 30% off. What does it cost now?",
        "30% of 80 is 24.\nThe answer is 24.",
        "incorrect",
        "If an old teacher looked at this, she would ask: is that the price, or is it what was taken off? It is what was taken off.",
        "The price is what remains: 80 - 24 = 56.\nThe answer is 56.",
    ),
    TeacherExample(
        "self-critique",
        "Three classes have 28, 31 and 27 pupils. How many pupils are there?",
        "28 + 31 + 27 = 86.\nThe answer is 86.",
        "correct",
        "The sum was written down without a check. I should add it once more in another order before I trust it.",
        "27 + 28 = 55, and 55 + 31 = 86, which agrees.\nThe answer is 86.",
    ),
)


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a teacher wrote; the opinion is kept for the log and is no part of what the student learns."""

    correct: bool
    reason: str
    phrase: str

    @property
    def text(self) -> str:
        """What is appended to the student's answer."""
        return f"\n\n{self.reason}\n\n{self.phrase}"


@dataclass(frozen=True, slots=True)
class TeacherReply:
    """A teacher's answers to one step, in the order asked."""

    feedback: tuple[Feedback | None, ...]  # None = malformed, cut, or not there
    tokens: int
    faults: tuple[str, ...]  # why answers are not there


@dataclass(frozen=True, slots=True)
class Teacher:
    """An engine that is asked for feedback, greedily."""

    engine: Engine
    max_tokens: int = 512

    @property
    def id(self) -> str:
        """Who teaches, and how it is asked: another teacher makes another run."""
        return content_id(
            "teacher", self.engine.policy.revision, self.max_tokens, SYSTEM, [vars_of(shot) for shot in SHOTS]
        )

    def hear(self, questions: Sequence[str], rollouts: Sequence[Rollout]) -> TeacherReply:
        """One feedback a rollout, in order.

        Raises:
            EngineError: the engine is gone.
        """
        sampler = SamplingConfig(temperature=0.0, max_tokens=self.max_tokens)
        asked = [
            Request(each.id, messages(question, each.text), sampler, (0,), 0)
            for question, each in zip(questions, rollouts, strict=True)
        ]
        answers = [answer for (answer,) in self.engine.generate(asked)]
        faults = tuple(
            answer.fault or answer.refused or self._no_room(answer)
            for answer in answers
            if answer.fault or answer.finish == "error"
        )
        found = tuple(read(answer.text) if answer.finish == "stop" and not answer.fault else None for answer in answers)
        return TeacherReply(found, sum(answer.tokens for answer in answers), faults)

    def _no_room(self, answer: Rollout) -> str:
        return f"a prompt of {answer.prompt_tokens} tokens leaves no room for max_tokens = {self.max_tokens} in its window, or the engine failed"


def messages(question: str, response: str) -> tuple[Message, ...]:
    """The chat that a teacher answers: its task, one example of each behaviour, and the student's answer; no gold answer anywhere."""
    turns = [Message("system", SYSTEM)]
    for shot in SHOTS:
        turns += [Message("user", shown(shot.question, shot.response)), Message("assistant", written(shot))]
    return (*turns, Message("user", shown(question, response)))


def shown(question: str, response: str) -> str:
    """What is judged, as the teacher sees it."""
    return f"Question:\n{question}\n\nResponse:\n{response}"


def written(shot: TeacherExample) -> str:
    """An example's feedback in the form that is asked for."""
    return f"<opinion>{shot.opinion}</opinion>\n<reason>{shot.reason}</reason>\n<phrase>{shot.phrase}</phrase>"


def read(text: str) -> Feedback | None:
    """The three parts of a teacher's answer; None where it is not exactly these.

    >>> read("<opinion>correct</opinion><reason>It holds.</reason><phrase>So 4.</phrase>")
    Feedback(correct=True, reason='It holds.', phrase='So 4.')
    >>> read("Well: <opinion>correct</opinion><reason>It holds.</reason><phrase>So 4.</phrase>") is None
    True
    """
    found = FORM.fullmatch(text)
    if not found or TAG.search(found[2]) or TAG.search(found[3]):
        return None
    reason, phrase = found[2].strip(), found[3].strip()
    return Feedback(found[1] == "correct", reason, phrase) if reason and phrase else None


def vars_of(shot: TeacherExample) -> tuple[str, ...]:
    """Every field of an example."""
    return shot.behaviour, shot.question, shot.response, shot.opinion, shot.reason, shot.phrase
