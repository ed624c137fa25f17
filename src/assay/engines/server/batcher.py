"""Answer many clients from one local engine.

Where it streams, a question joins what is being computed as soon as there is room, and is answered as soon as it is
done. Else what has come in while it worked is its next batch, in which equal questions share a prompt.
"""

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import count
from queue import Empty, SimpleQueue

from assay.core.errors import EngineError
from assay.core.identity import content_id
from assay.core.ports import Engine, StreamingEngine
from assay.core.types import Message, Request, Rollout, SamplingConfig

MAX_ANSWERS = 256  # answers a batch
WAIT_FRACTION, MAX_WAIT_S = 0.02, 0.1  # of the last batch's time, in which those it answered may ask again; and at most
SEEDS = 2**31 - 2**20  # leaves room for the sample index


@dataclass(frozen=True, slots=True)
class SeededRequest(Request):
    """A request whose first seed the client chose."""

    first: int = 0

    def seed_of(self, sample: int) -> int:
        """Consecutive from the first, as llama.cpp seeds n choices."""
        return self.first + sample


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """A client's chat with the number of answers it wants, and the queue for them.

    Rollouts, or what the engine raised.
    """

    messages: tuple[Message, ...]
    sampler: SamplingConfig
    n: int = 1
    seed: int | None = None
    prefix: str = ""  # a begun answer
    answers: "SimpleQueue[Rollout | Exception]" = field(default_factory=SimpleQueue)

    @property
    def problem_id(self) -> str:
        """Hash of the chat."""
        return content_id("chat", self.messages)


class RequestBatcher:
    """Take requests from any thread and batch them for the engine, which only one thread of its own calls."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._waiting: SimpleQueue[PendingRequest | Callable[[], None] | None] = SimpleQueue()
        self._closed = False
        self._took_s = 0.0  # of the last batch
        self._worker = threading.Thread(target=self._work, name="assay-batcher", daemon=True)
        self._worker.start()

    def submit(self, pending: PendingRequest) -> PendingRequest:
        """The same request, whose `answers` will hold n rollouts, or an exception.

        Raises:
            ValueError: a text of it cannot be encoded, or a setting cannot be hashed.
        """
        _ = (
            pending.problem_id,
            pending.sampler.id,
            pending.prefix.encode(),
        )  # here, and not where many questions wait
        self._waiting.put(pending)
        return pending

    def render_prompt(self, pending: PendingRequest) -> tuple[int, str]:
        """Return the prompt's token count, and the prompt as the model reads it."""
        request = Request(pending.problem_id, pending.messages, pending.sampler, (0,), 0, pending.prefix)
        result: Future[tuple[int, str]] = Future()

        def render() -> None:
            try:
                result.set_result((self.engine.count_tokens(request), self.engine.show(request)))
            except Exception as error:  # noqa: BLE001  # it is raised where the question was asked
                result.set_exception(error)

        self._waiting.put(render)
        return result.result()

    def close(self, wait_s: float = 0.0) -> None:
        """Stop taking requests, fail those that wait at the engine's next sign of life, and close the engine.

        Args:
            wait_s: how long to wait for that.
        """
        self._closed = True
        self._waiting.put(None)
        self._worker.join(wait_s)

    def _work(self) -> None:
        while not self._closed:
            if batch := self._sort_queue(self._waiting.get()):
                self._guarded(batch)
        self.engine.close()
        for pending in self._drain_queue():
            pending.answers.put(EngineError("the server is closing"))

    def _guarded(self, batch: list[PendingRequest]) -> None:
        """Answers a batch. What is raised beside the engine fails the questions of the batch, and the batcher works
        on.
        """
        try:
            self._stream_batch(self.engine, batch) if isinstance(self.engine, StreamingEngine) else self._run_batch(
                batch
            )
        except Exception as error:  # noqa: BLE001  # one question must not end the batcher
            for pending in batch:
                pending.answers.put(error)

    def _sort_queue(self, *come: PendingRequest | Callable[[], None] | None) -> list[PendingRequest]:
        """The questions among what has come; prompts are told at once, None closes the batcher."""
        self._closed = self._closed or None in come
        for each in come:
            if each and not isinstance(each, PendingRequest):
                each()
        return [each for each in come if isinstance(each, PendingRequest)]

    def _drain_queue(self) -> list[PendingRequest]:
        """Return all requests that are queued, up to MAX_ANSWERS answers."""
        result: list[PendingRequest] = []
        try:
            while sum(pending.n for pending in result) < MAX_ANSWERS:
                result += self._sort_queue(self._waiting.get_nowait())
        except Empty:
            pass
        return result

    def _stream_batch(self, engine: StreamingEngine, batch: Sequence[PendingRequest]) -> None:
        """Answers the batch and all that comes in meanwhile; ends when nobody waits.

        Where the engine raises, each question that has no answer yet is asked alone, so that only the one at fault
        fails.
        """
        flight = InFlight()
        try:
            for rollouts in engine.arrivals(self._join_requests(batch, flight)):
                for rollout in rollouts:
                    flight.deliver(rollout)
                if self._closed:
                    break
            flight.fail(EngineError("the server is closing"))
        except Exception as error:  # noqa: BLE001  # whatever the engine raises is an answer to those who wait
            alone = flight.take_unanswered() if len(flight.pending) > 1 else []
            flight.fail(error)
            for pending in alone:
                self._stream_alone(engine, pending)

    def _stream_alone(self, engine: StreamingEngine, pending: PendingRequest) -> None:
        flight = InFlight()
        try:
            request = flight.start(pending)
            for rollouts in engine.arrivals(iter([request])):
                for rollout in rollouts:
                    flight.deliver(rollout)
                if self._closed:
                    break
            flight.fail(EngineError("the server is closing" if self._closed else "the engine gave no answer"))
        except Exception as error:  # noqa: BLE001  # whatever the engine raises is an answer to who waits
            flight.fail(error)

    def _join_requests(self, batch: Sequence[PendingRequest], flight: "InFlight") -> Iterator[Request | None]:
        """Requests as questions come in, None while there are none, until all are answered."""
        requests = flight.start_all(batch)
        while not self._closed and flight.pending:
            yield from requests or (None,)
            requests = flight.start_all(self._drain_queue())

    def _run_batch(self, batch: list[PendingRequest]) -> None:
        time.sleep(min(WAIT_FRACTION * self._took_s, MAX_WAIT_S))
        batch += self._drain_queue()
        groups, began = group_requests(batch), time.monotonic()
        self._answer_groups(groups)
        self._took_s = time.monotonic() - began

    def _answer_groups(self, groups: Sequence[Sequence[PendingRequest]]) -> None:
        """Answers all groups at once.

        Where the engine raises, those without an answer one by one, so that only the one at fault fails.
        """
        left, error = self._generate_groups(groups)
        for group in left:
            failure = self._generate_groups([group])[1] if len(left) > 1 else error
            for pending in group if failure else ():
                pending.answers.put(failure or EngineError("no answer"))

    def _generate_groups(
        self, groups: Sequence[Sequence[PendingRequest]]
    ) -> tuple[list[Sequence[PendingRequest]], Exception | None]:
        """Groups that got no answer, and what the engine raised."""
        left = list(groups)
        try:
            for group, rollouts in zip(
                groups, self.engine.generate([merge_requests(group) for group in groups]), strict=True
            ):
                answers = list(rollouts)
                if len(answers) != sum(pending.n for pending in group):
                    raise EngineError(
                        f"the engine gave {len(answers)} answers in place of {sum(pending.n for pending in group)}"
                    )
                left.remove(group)
                for pending in group:
                    for _ in range(pending.n):
                        pending.answers.put(answers.pop(0))
        except Exception as error:  # noqa: BLE001  # whatever the engine raises is an answer to those who wait
            return left, error
        return left, None


class InFlight:
    """Requests that a streaming engine is answering, each under a name of its own.

    Two clients may ask for the same sample.
    """

    def __init__(self) -> None:
        self.pending: dict[str, tuple[PendingRequest, int]] = {}  # with the answers that have come
        self._numbers = count()

    def start(self, pending: PendingRequest) -> SeededRequest:
        """The question as a request."""
        request = merge_requests([pending], name=f"{pending.problem_id}.{next(self._numbers)}")
        self.pending[request.problem_id] = pending, 0
        return request

    def start_all(self, questions: Sequence[PendingRequest]) -> list[Request]:
        """Those that can be put as requests; who asked for something that cannot hears so."""
        requests = list[Request]()
        for pending in questions:
            try:
                requests.append(self.start(pending))
            except Exception as error:  # noqa: BLE001  # it is raised where the question was asked
                pending.answers.put(error)
        return requests

    def take_unanswered(self) -> list[PendingRequest]:
        """Remove and return the requests without any answer."""
        names = [name for name, (_, come) in self.pending.items() if not come]
        return [self.pending.pop(name)[0] for name in names]

    def deliver(self, rollout: Rollout) -> None:
        """Deliver an answer to the client that asked for it."""
        pending, come = self.pending.pop(rollout.problem_id)
        pending.answers.put(rollout)
        if come + 1 < pending.n:
            self.pending[rollout.problem_id] = pending, come + 1

    def fail(self, error: Exception) -> None:
        """Fail all requests that still wait."""
        for pending, _ in self.pending.values():
            pending.answers.put(error)


def group_requests(batch: Sequence[PendingRequest]) -> list[list[PendingRequest]]:
    """Group requests that may share one prompt: the same chat and sampling, and no seed asked for."""
    groups: dict[object, list[PendingRequest]] = {}
    for place, pending in enumerate(batch):
        key = (pending.problem_id, pending.prefix, pending.sampler.id) if pending.seed is None else place
        groups.setdefault(key, []).append(pending)
    met = list(dict.fromkeys(pending.sampler.id for pending in batch))
    return sorted(
        groups.values(), key=lambda group: met.index(group[0].sampler.id)
    )  # an engine computes at once what is asked alike


def merge_requests(group: Sequence[PendingRequest], *, name: str = "") -> SeededRequest:
    """Merge a group into one request, under `name` if given; without a seed it gets a random one."""
    pending = group[0]
    first = secrets.randbelow(SEEDS) if pending.seed is None else pending.seed
    samples = tuple(range(sum(pending.n for pending in group)))
    return SeededRequest(
        name or pending.problem_id, pending.messages, pending.sampler, samples, first, pending.prefix, first
    )
