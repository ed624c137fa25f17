"""Run one batch through the workers of one verifier: hand rows out as they come, collect answers as they arrive."""

from collections import deque
from collections.abc import Callable, MutableMapping
from typing import Any

from assay.core.types import Label
from assay.verifiers.pool.replies import JudgingStop
from assay.verifiers.pool.worker_process import Worker, collect_answers

CHUNK_ROWS = 8  # rows per message, at most
ROWS_PER_WORKER = 32  # one more worker per so many rows: a start costs a second of CPU time


class WorkerBatch:
    """One batch of rows, each under its key; its answer is stored in `answers` under the same key.

    Rows queued behind one that lost its process are sent again.

    Args:
        workers: The verifier's workers; missing ones are added to it, lost ones removed.
        start_worker: Starts one more worker.
        size: How many workers there may be.
        method: What is asked of the verifier: "judge" or "reads".
        answers: Where answers are stored.
        suspect: Whether a row may take long; such rows go first.
        needs_own_process: Whether a row needs a process in which no other row is judged; None where no row does.
        fresh: Whether the first row needs a process that has judged nothing yet.
    """

    def __init__(
        self,
        workers: list[Worker],
        start_worker: Callable[[], Worker],
        size: int,
        method: str,
        answers: MutableMapping[bytes, Any],
        suspect: Callable[[Any], bool] = lambda row: False,
        *,
        needs_own_process: Callable[[Any], bool] | None = None,
        fresh: bool = False,
    ) -> None:
        self.workers, self.start_worker, self.size = workers, start_worker, size
        self.method, self.answers = method, answers
        self.suspect = suspect
        # a process that judges one row alone is not sent others
        self.chunk_rows = CHUNK_ROWS if needs_own_process is None else 1
        self.needs_own_process, self.fresh = needs_own_process or (lambda row: False), fresh
        self.rows: list[tuple[bytes, Any]] = []
        self.queue: deque[int] = deque()
        self.slow_rows: set[int] = set()
        self.failures = 0

    def add(self, key: bytes, row: Any) -> None:
        """Add a row, and give it to a free worker; does not wait."""
        index = len(self.rows)
        self.queue.append(index)
        self.rows.append((key, row))
        self._dispatch(1)
        if self.queue and self.queue[-1] == index and self.suspect(row):
            self.slow_rows.add(index)
        if self.queue and self.workers:
            self._collect(0.0)

    def finish(self) -> None:
        """Wait until every row has its answer.

        Raises:
            ConfigError: The verifier cannot be loaded.
        """
        self.queue = deque(sorted(self.queue, key=lambda index: index not in self.slow_rows))
        while self.queue or any(worker.rows for worker in self.workers):
            self._dispatch(len(self.queue) // (2 * self.size))
            self._collect()

    def _dispatch(self, size: int) -> None:
        """Send chunks of 1 to 8 rows to free workers, suspects one by one; start workers that are missing."""
        # where one row fails, more are likely to
        target_workers = self.size if self.failures else min(self.size, -(-len(self.rows) // ROWS_PER_WORKER))
        while len(self.workers) < min(target_workers, len(self.queue) + len(self.workers)):
            self.workers.append(self.start_worker())
        for worker in self.workers:
            if self.queue and worker.is_free:
                max_rows = 1 if self.queue[0] in self.slow_rows else max(1, min(self.chunk_rows, size))
                chunk = [self.queue.popleft() for _ in range(min(len(self.queue), max_rows))]
                worker.send_rows(
                    self.method,
                    [(index, self.rows[index][1]) for index in chunk],
                    needs_own_process=self.needs_own_process,
                    fresh=self.fresh,
                )

    def _collect(self, timeout_s: float | None = None) -> None:
        for index, answer in collect_answers(self.workers, self.queue, timeout_s):
            key, row = self.rows[index]
            if isinstance(answer, JudgingStop):
                self.failures += 1
                answer = False if isinstance(row, Label) else answer
            self.answers[key] = answer
