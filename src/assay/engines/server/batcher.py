"""Answer many clients from one local engine.

Where the engine streams, a request joins those that are being computed as soon as there is room, and is answered as
soon as it is complete. Otherwise the requests that came while the engine worked are its next batch, in which equal
requests share a prompt.
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

MAX_ANSWERS = 256  # answers per batch
WAIT_FRACTION, MAX_WAIT_S = 0.02, 0.1  # of the last batch's time, in which its clients may send the next request
SEEDS = 2**31 - 2**20  # leaves room for the sample index


@dataclass(frozen=True, slots=True)
class SeededRequest(Request):
    """A request whose first seed the client chose."""

    first: int = 0

    def seed_of(self, sample: int) -> int:
        """Return the seed of a sample: consecutive from the first, as llama.cpp seeds n choices."""
        return self.first + sample


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """A client's chat, the number of answers it wants, and the queue for them: rollouts, or what the engine raised."""

    messages: tuple[Message, ...]
    sampler: SamplingConfig
    n: int = 1
    seed: int | None = None
    prefix: str = ""  # a begun answer
    answers: "SimpleQueue[Rollout | Exception]" = field(default_factory=SimpleQueue)

    @property
    def problem_id(self) -> str:
        """Return the hash of the chat."""
        return content_id("chat", self.messages)


class RequestBatcher:
    """Take requests from any thread and batch them for the engine, which only the batcher's own thread calls."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._waiting: SimpleQueue[PendingRequest | Callable[[], None] | None] = SimpleQueue()
        self._closed = False
        self._took_s = 0.0  # of the last batch
        self._worker = threading.Thread(target=self._work, name="assay-batcher", daemon=True)
        self._worker.start()

    def submit(self, pending: PendingRequest) -> PendingRequest:
        """Queue a request, and return it; its `answers` will hold n rollouts, or an exception.

        Raises:
            ValueError: a text of it cannot be encoded, or a setting cannot be hashed.
        """
        _ = pending.problem_id, pending.sampler.id, pending.prefix.encode()  # fails here, not in the batcher's thread
        self._waiting.put(pending)
        return pending

    def render_prompt(self, pending: PendingRequest) -> tuple[int, str]:
        """Return the prompt's token count, and the prompt as the model reads it."""
        request = Request(pending.problem_id, pending.messages, pending.sampler, (0,), 0, pending.prefix)
        result: Future[tuple[int, str]] = Future()

        def render() -> None:
            try:
                result.set_result((self.engine.count_tokens(request), self.engine.show(request)))
            except Exception as error:  # noqa: BLE001  # it is raised in the client's thread
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
                self._answer_batch(batch)
        self.engine.close()
        for pending in self._drain_queue():
            pending.answers.put(EngineError("the server is closing"))

    def _answer_batch(self, batch: list[PendingRequest]) -> None:
        """Answer a batch; what is raised outside the engine fails the batch's requests, and the batcher continues."""
        try:
            if isinstance(self.engine, StreamingEngine):
                self._stream_batch(self.engine, batch)
            else:
                self._run_batch(batch)
        except Exception as error:  # noqa: BLE001  # one request must not end the batcher
            for pending in batch:
                pending.answers.put(error)

    def _sort_queue(self, *items: PendingRequest | Callable[[], None] | None) -> list[PendingRequest]:
        """Return the requests among the queue's items; prompts are rendered at once, and None closes the batcher."""
        self._closed = self._closed or None in items
        for item in items:
            if item and not isinstance(item, PendingRequest):
                item()
        return [item for item in items if isinstance(item, PendingRequest)]

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
        """Answer the batch and all that comes meanwhile, until no request is open.

        Where the engine raises, each request without an answer is sent alone, so that only the one at fault fails.
        """
        flight = InFlight()
        try:
            for rollouts in engine.stream(self._join_requests(batch, flight)):
                for rollout in rollouts:
                    flight.deliver(rollout)
                if self._closed:
                    break
            flight.fail(EngineError("the server is closing"))
        except Exception as error:  # noqa: BLE001  # whatever the engine raises is an answer to the open requests
            unanswered = flight.take_unanswered() if len(flight.pending) > 1 else []
            flight.fail(error)
            for pending in unanswered:
                self._stream_alone(engine, pending)

    def _stream_alone(self, engine: StreamingEngine, pending: PendingRequest) -> None:
        """Answer one request alone."""
        flight = InFlight()
        try:
            request = flight.start(pending)
            for rollouts in engine.stream(iter([request])):
                for rollout in rollouts:
                    flight.deliver(rollout)
                if self._closed:
                    break
            flight.fail(EngineError("the server is closing" if self._closed else "the engine returned no answer"))
        except Exception as error:  # noqa: BLE001  # whatever the engine raises is an answer to the request
            flight.fail(error)

    def _join_requests(self, batch: Sequence[PendingRequest], flight: "InFlight") -> Iterator[Request | None]:
        """Yield requests as they come, None while there are none, until all are answered."""
        requests = flight.start_all(batch)
        while not self._closed and flight.pending:
            yield from requests or (None,)
            requests = flight.start_all(self._drain_queue())

    def _run_batch(self, batch: list[PendingRequest]) -> None:
        time.sleep(min(WAIT_FRACTION * self._took_s, MAX_WAIT_S))
        batch += self._drain_queue()
        groups, started_s = group_requests(batch), time.monotonic()
        self._answer_groups(groups)
        self._took_s = time.monotonic() - started_s

    def _answer_groups(self, groups: Sequence[Sequence[PendingRequest]]) -> None:
        """Answer all groups at once.

        Where the engine raises, those without an answer are sent one by one, so that only the one at fault fails.
        """
        unanswered, error = self._generate_groups(groups)
        for group in unanswered:
            failure = self._generate_groups([group])[1] if len(unanswered) > 1 else error
            for pending in group if failure else ():
                pending.answers.put(failure or EngineError("no answer"))

    def _generate_groups(
        self, groups: Sequence[Sequence[PendingRequest]]
    ) -> tuple[list[Sequence[PendingRequest]], Exception | None]:
        """Answer groups; return those that got no answer, and what the engine raised."""
        unanswered = list(groups)
        try:
            for group, rollouts in zip(
                groups, self.engine.generate([merge_requests(group) for group in groups]), strict=True
            ):
                answers = list(rollouts)
                if len(answers) != sum(pending.n for pending in group):
                    raise EngineError(
                        f"the engine gave {len(answers)} answers instead of {sum(pending.n for pending in group)}"
                    )
                unanswered.remove(group)
                for pending in group:
                    for _ in range(pending.n):
                        pending.answers.put(answers.pop(0))
        except Exception as error:  # noqa: BLE001  # whatever the engine raises is an answer to the open requests
            return unanswered, error
        return unanswered, None


class InFlight:
    """Requests that a streaming engine is answering, each under its own name: two clients may want the same sample."""

    def __init__(self) -> None:
        self.pending: dict[str, tuple[PendingRequest, int]] = {}  # with the number of answers so far
        self._numbers = count()

    def start(self, pending: PendingRequest) -> SeededRequest:
        """Register a client's request, and return it as a request for the engine."""
        request = merge_requests([pending], name=f"{pending.problem_id}.{next(self._numbers)}")
        self.pending[request.problem_id] = pending, 0
        return request

    def start_all(self, batch: Sequence[PendingRequest]) -> list[Request]:
        """Return those that are valid as requests for the engine; the others get their error as an answer."""
        requests = list[Request]()
        for pending in batch:
            try:
                requests.append(self.start(pending))
            except Exception as error:  # noqa: BLE001  # it is raised in the client's thread
                pending.answers.put(error)
        return requests

    def take_unanswered(self) -> list[PendingRequest]:
        """Remove and return the requests without any answer."""
        names = [name for name, (_, n_answers) in self.pending.items() if not n_answers]
        return [self.pending.pop(name)[0] for name in names]

    def deliver(self, rollout: Rollout) -> None:
        """Deliver an answer to the client that asked for it."""
        pending, n_answers = self.pending.pop(rollout.problem_id)
        pending.answers.put(rollout)
        if n_answers + 1 < pending.n:
            self.pending[rollout.problem_id] = pending, n_answers + 1

    def fail(self, error: Exception) -> None:
        """Fail all requests that still wait."""
        for pending, _ in self.pending.values():
            pending.answers.put(error)


def group_requests(batch: Sequence[PendingRequest]) -> list[list[PendingRequest]]:
    """Group requests that may share one prompt: the same chat and sampling settings, and no seed given."""
    groups: dict[object, list[PendingRequest]] = {}
    for place, pending in enumerate(batch):
        key = (pending.problem_id, pending.prefix, pending.sampler.id) if pending.seed is None else place
        groups.setdefault(key, []).append(pending)
    samplers = list(dict.fromkeys(pending.sampler.id for pending in batch))
    return sorted(groups.values(), key=lambda group: samplers.index(group[0].sampler.id))  # computed together


def merge_requests(group: Sequence[PendingRequest], *, name: str = "") -> SeededRequest:
    """Merge a group into one request, under `name` if given; without a seed it gets a random one."""
    pending = group[0]
    first = secrets.randbelow(SEEDS) if pending.seed is None else pending.seed
    samples = tuple(range(sum(pending.n for pending in group)))
    return SeededRequest(
        name or pending.problem_id, pending.messages, pending.sampler, samples, first, pending.prefix, first=first
    )
