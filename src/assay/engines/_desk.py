"""One local engine asked by many at once: what has come in while it worked is its next batch, and equal questions share a prompt."""

import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from assay.core.identity import content_id
from assay.core.ports import Engine
from assay.core.types import Message, Request, Rollout, Sampler

MOST = 256  # answers a batch
SHARE, LONGEST_S = 0.02, 0.1  # of the last batch's time, in which those it answered may ask again; and at most
SEEDS = 2**31 - 2**20  # leaves room for the sample index


@dataclass(frozen=True, slots=True)
class Seeded(Request):
    """A request whose first seed a stranger chose."""

    first: int = 0

    def seed_of(self, sample: int) -> int:
        """Consecutive from the first, as llama.cpp seeds n choices."""
        return self.first + sample


@dataclass(frozen=True, slots=True)
class Question:
    """A chat that someone wants n answers to, and where they go: rollouts as they come, or what the engine raised."""

    messages: tuple[Message, ...]
    sampler: Sampler
    n: int = 1
    seed: int | None = None
    prefix: str = ""  # a begun answer
    answers: "SimpleQueue[Rollout | Exception]" = field(default_factory=SimpleQueue)

    @property
    def problem_id(self) -> str:
        """Hash of the chat."""
        return content_id("chat", self.messages)


class Desk:
    """Takes questions from any thread; one thread of its own speaks with the engine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._waiting: SimpleQueue[Question | None] = SimpleQueue()
        self._one = threading.Lock()
        self._took_s = 0.0  # of the last batch
        threading.Thread(target=self._work, name="assay-desk", daemon=True).start()

    def ask(self, question: Question) -> Question:
        """The same question, whose `answers` will hold n rollouts, or an exception."""
        self._waiting.put(question)
        return question

    def prompt(self, question: Question) -> tuple[int, str]:
        """Prompt tokens, and the prompt as the model reads it."""
        request = Request(question.problem_id, question.messages, question.sampler, (0,), 0, question.prefix)
        with self._one:
            return self.engine.count_tokens(request), self.engine.show(request)

    def close(self) -> None:
        """No question is taken any more; the engine is closed once it is idle."""
        self._waiting.put(None)

    def _work(self) -> None:
        while (batch := self._batch()) is not None:
            groups, began = alike(batch), time.monotonic()
            with self._one:
                self._answer(groups)
            self._took_s = time.monotonic() - began
        self.engine.close()

    def _batch(self) -> list[Question] | None:
        batch = [self._waiting.get()]
        time.sleep(min(SHARE * self._took_s, LONGEST_S))
        try:
            while sum(question.n for question in batch if question) < MOST:
                batch.append(self._waiting.get_nowait())
        except Empty:
            pass
        return None if None in batch else [question for question in batch if question]

    def _answer(self, groups: Sequence[Sequence[Question]]) -> None:
        unanswered = [question for group in groups for question in group]
        try:
            for group, rollouts in zip(groups, self.engine.generate([merged(group) for group in groups]), strict=True):
                given = iter(rollouts)
                for question in group:
                    for _ in range(question.n):
                        question.answers.put(next(given))
                    unanswered.remove(question)
        except Exception as error:  # noqa: BLE001  # whatever the engine raises is an answer to those who wait
            for question in unanswered:
                question.answers.put(error)


def alike(batch: Sequence[Question]) -> list[list[Question]]:
    """Questions that may share one request: the same chat and sampler, no seed asked for."""
    groups: dict[object, list[Question]] = {}
    for place, question in enumerate(batch):
        key = (question.problem_id, question.prefix, question.sampler.id) if question.seed is None else place
        groups.setdefault(key, []).append(question)
    met = list(dict.fromkeys(question.sampler.id for question in batch))
    return sorted(groups.values(), key=lambda group: met.index(group[0].sampler.id))  # an engine computes at once what is asked alike


def merged(group: Sequence[Question]) -> Seeded:
    """One request for all answers of a group; without a seed of its own it gets one by chance."""
    question = group[0]
    first = secrets.randbelow(SEEDS) if question.seed is None else question.seed
    samples = tuple(range(sum(each.n for each in group)))
    return Seeded(question.problem_id, question.messages, question.sampler, samples, first, question.prefix, first)
