"""A frozen teacher, which reads a finished answer, but no gold answer, and writes how its author might continue.

It is a teacher by its prompt alone: four worked examples, one per behaviour. Any engine can run it: a copy of the
student, another checkpoint, or a server. Source: ThinkTuning, arXiv:2508.07616; the words of the prompt are ours.
"""

import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from assay.core.identity import content_id
from assay.core.ports import Engine
from assay.core.types import Message, Request, Rollout, SamplingConfig

FORM = re.compile(
    r"\s*<opinion>\s*(correct|incorrect)\s*</opinion>\s*<reason>(.+?)</reason>\s*<phrase>(.+?)</phrase>\s*", re.DOTALL
)
TAG = re.compile(r"</?(?:opinion|reason|phrase)>")
SYSTEM = (
    "You are a teacher who thinks aloud. You are shown a question and a student's response to it. Write three "
    "parts and nothing outside of them. <opinion> holds one word, correct or incorrect: whether the response "
    "is right. <reason> says in the first person, as if you had written the response yourself, what is right "
    "in it or where its reasoning goes wrong. <phrase> goes on from there in the first person and ends with "
    "the final answer, in the form in which the question asks for it."
)


@dataclass(frozen=True, slots=True)
class TeacherExample:
    """One worked example: an answer, and the feedback that shows a behaviour."""

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
        "I multiplied before I added, and 6 x 14 is 84. "
        "Each number of the question was used once, so the steps hold together.",
        "So I stay with it: 84 + 9 = 93.\nThe answer is 93.",
    ),
    TeacherExample(
        "self-conflict",
        "Mia reads 12 pages a day from Monday to Friday and none at the weekend. "
        "How many pages does she read in 3 weeks?",
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
        "If an old teacher looked at this, she would ask: is that the price, or is it what was taken off? "
        "It is what was taken off.",
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
class TeacherFeedback:
    """What a teacher wrote about one answer."""

    correct: bool  # its opinion: for the log, and no part of what the student learns
    reason: str
    phrase: str

    @property
    def text(self) -> str:
        """What is appended to the student's answer."""
        return f"\n\n{self.reason}\n\n{self.phrase}"


@dataclass(frozen=True, slots=True)
class TeacherReply:
    """A teacher's feedback on one step's rollouts, in the order of the request."""

    feedback: tuple[TeacherFeedback | None, ...]  # None = malformed, truncated or missing
    tokens: int
    faults: tuple[str, ...]  # why feedback is missing


@dataclass(frozen=True, slots=True)
class Teacher:
    """An engine that is asked for feedback, greedily."""

    engine: Engine
    max_tokens: int = 512  # per feedback

    @property
    def id(self) -> str:
        """Hash of who teaches and how it is asked: another teacher makes another run."""
        return content_id(
            "teacher", self.engine.policy.revision, self.max_tokens, SYSTEM, [astuple(shot) for shot in SHOTS]
        )

    def request_feedback(self, questions: Sequence[str], rollouts: Sequence[Rollout]) -> TeacherReply:
        """Ask for one feedback per rollout.

        Args:
            questions: As the student was asked, one per rollout.
            rollouts: The student's finished answers.

        Returns:
            The feedback, in the order of the rollouts.

        Raises:
            EngineError: the engine cannot be reached.
        """
        sampler = SamplingConfig(temperature=0.0, max_tokens=self.max_tokens)
        requests = [
            Request(rollout.id, feedback_prompt(question, rollout.text), sampler, (0,), 0)
            for question, rollout in zip(questions, rollouts, strict=True)
        ]
        answers = [answer for (answer,) in self.engine.generate(requests)]
        faults = tuple(
            answer.fault or answer.refused or self._explain_error(answer)
            for answer in answers
            if answer.fault or answer.finish == "error"
        )
        feedback = tuple(
            parse_feedback(answer.text) if answer.finish == "stop" and not answer.fault else None for answer in answers
        )
        return TeacherReply(feedback, sum(answer.tokens for answer in answers), faults)

    def _explain_error(self, answer: Rollout) -> str:
        return (
            f"a prompt of {answer.prompt_tokens} tokens leaves no room for max_tokens = {self.max_tokens} "
            "in its window, or the engine failed"
        )


def feedback_prompt(question: str, response: str) -> tuple[Message, ...]:
    """Return the chat that a teacher answers: its task, one example per behaviour, and the student's answer."""
    turns = [Message("system", SYSTEM)]
    for shot in SHOTS:
        turns += [Message("user", format_attempt(shot.question, shot.response))]
        turns += [Message("assistant", format_feedback(shot))]
    return (*turns, Message("user", format_attempt(question, response)))


def format_attempt(question: str, response: str) -> str:
    """Return a question and an answer to it as the teacher sees them."""
    return f"Question:\n{question}\n\nResponse:\n{response}"


def format_feedback(shot: TeacherExample) -> str:
    """Return an example's feedback in the form that a teacher must keep to."""
    return f"<opinion>{shot.opinion}</opinion>\n<reason>{shot.reason}</reason>\n<phrase>{shot.phrase}</phrase>"


def parse_feedback(text: str) -> TeacherFeedback | None:
    """Return the three parts of a teacher's answer; None where it is not exactly these.

    >>> parse_feedback("<opinion>correct</opinion><reason>It holds.</reason><phrase>So 4.</phrase>")
    TeacherFeedback(correct=True, reason='It holds.', phrase='So 4.')
    >>> parse_feedback("Well: <opinion>correct</opinion><reason>It holds.</reason><phrase>So 4.</phrase>") is None
    True
    """
    match = FORM.fullmatch(text)
    if not match or TAG.search(match[2]) or TAG.search(match[3]):
        return None
    reason, phrase = match[2].strip(), match[3].strip()
    return TeacherFeedback(match[1] == "correct", reason, phrase) if reason and phrase else None
