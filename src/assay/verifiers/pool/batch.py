"""One batch at the workers of one verifier: rows are handed out as they come, answers collected as they arrive."""

from collections import deque
from collections.abc import Callable, MutableMapping
from typing import Any

from assay.core.types import Label
from assay.verifiers.pool.replies import JudgingStop
from assay.verifiers.pool.worker_process import Worker, answers

CHUNK = 8  # cases a message, at most
START = 32  # rows for which one more worker is started: a start costs a second of CPU


class WorkerBatch:
    """Rows in, each under its key; every answer lands in `answered` under the same key. Rows behind a failed one are sent again."""

    def __init__(
        self,
        crew: list[Worker],
        hire: Callable[[], Worker],
        size: int,
        verb: str,
        answered: MutableMapping[bytes, Any],
        suspect: Callable[[Any], bool] = lambda row: False,
        *,
        alone: Callable[[Any], bool] | None = None,
        anew: bool = False,
    ) -> None:
        self.crew, self.hire, self.size, self.verb, self.answered = crew, hire, size, verb, answered
        self.suspect = suspect  # whether a row may take long: those go first
        self.chunk = (
            CHUNK if alone is None else 1
        )  # rows per message: what judges a row alone does not hold the next ones either
        self.alone, self.anew = (
            alone or (lambda row: False),
            anew,
        )  # whether a row needs a process of its own; whether the first one does
        self.rows: list[tuple[bytes, Any]] = []
        self.queue: deque[int] = deque()
        self.slow: set[int] = set()
        self.failures = 0

    def take(self, key: bytes, row: Any) -> None:
        """Adds a row and gives it to a worker that is free; does not wait."""
        self.queue.append(len(self.rows))
        self.rows.append((key, row))
        self._hand_out(1)
        if self.queue and self.crew:
            self._collect(0.0)

    def finish(self) -> None:
        """Every row has its answer.

        Raises:
            ConfigError: the verifier cannot be loaded.
        """
        self.slow = {index for index in self.queue if self.suspect(self.rows[index][1])}
        self.queue = deque(sorted(self.queue, key=lambda index: index not in self.slow))
        while self.queue or any(worker.rows for worker in self.crew):
            self._hand_out(len(self.queue) // (2 * self.size))
            self._collect()

    def _hand_out(self, size: int) -> None:
        """Gives chunks of at most 8 rows, at least one, to the workers that are free, suspects one by one; starts workers that are missing."""
        wanted = (
            self.size if self.failures else min(self.size, -(-len(self.rows) // START))
        )  # hostile rows rarely come alone
        while len(self.crew) < min(wanted, len(self.queue) + len(self.crew)):
            self.crew.append(self.hire())
        for worker in self.crew:
            if self.queue and worker.free:
                most = 1 if self.queue[0] in self.slow else max(1, min(self.chunk, size))
                chunk = [self.queue.popleft() for _ in range(min(len(self.queue), most))]
                worker.give(
                    self.verb, [(index, self.rows[index][1]) for index in chunk], alone=self.alone, anew=self.anew
                )

    def _collect(self, patience: float | None = None) -> None:
        for index, answer in answers(self.crew, self.queue, patience):
            key, row = self.rows[index]
            if isinstance(answer, JudgingStop):
                self.failures += 1
                answer = False if isinstance(row, Label) else answer
            self.answered[key] = answer
