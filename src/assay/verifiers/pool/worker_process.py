"""A Grader's side of one worker process: its pipe, the rows that it holds, and its deadline."""

import contextlib
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from multiprocessing import Pipe
from multiprocessing.connection import wait
from typing import Any

from assay.core.errors import ConfigError
from assay.verifiers.isolation.cpu_meter import BUSY_FACTOR
from assay.verifiers.isolation.environment import build_worker_environment
from assay.verifiers.pool.replies import MAX_LINE_BYTES, Judgement, JudgingStop, parse_reply

START_TIMEOUT_S = 180.0  # for the start and imports of one worker; counted against no row
GRACE_S = 10.0  # beyond the longest time that a worker gives a row, before it counts as lost
NEVER = float("inf")
START_COMMAND = "from assay.verifiers.pool.fork_server import serve; serve({}, {})"


class Worker:
    """A process that has loaded one verifier, and answers rows in the order in which they were sent.

    Args:
        verifier: The verifier's name.
        limit_s: Seconds per row.
        memory: Bytes that the judging process may map beyond what it has at its start.
        settings: The verifier's settings.
        env_names: Names of environment variables that the process may see besides the common ones.
    """

    def __init__(
        self, verifier: str, limit_s: float, memory: int, settings: Mapping[str, Any], env_names: Iterable[str] = ()
    ) -> None:
        self.verifier, self.limit_s = verifier, limit_s
        self.rows: deque[int] = deque()
        self.method = "judge"
        self.judge_pid = 0  # process id of the child that judges; 0 = none has been ready
        self.end_reason = ""  # why no further answer will arrive
        self.deadline = time.monotonic() + START_TIMEOUT_S
        self.pipe, far_end = Pipe()
        self.stderr = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the worker
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-c",
                START_COMMAND.format(far_end.fileno(), os.getpid()),
            ],  # multiprocessing's spawn would run the caller's script again
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.stderr,
            pass_fds=(far_end.fileno(),),
            process_group=0,  # Ctrl-C reaches the parent only
            env=build_worker_environment(env_names),
        )
        far_end.close()
        with contextlib.suppress(OSError):
            # not in argv, which every user can read
            self.pipe.send({"verifier": verifier, "settings": dict(settings), "memory": memory, "limit_s": limit_s})

    @property
    def pids(self) -> tuple[int, ...]:
        """Return the ids of the process and of its judging child."""
        return (self.process.pid, *([self.judge_pid] if self.judge_pid else []))

    @property
    def is_free(self) -> bool:
        """Return whether rows can be sent to it."""
        return bool(self.judge_pid) and not self.rows and not self.end_reason

    def send_rows(
        self,
        method: str,
        rows: list[tuple[int, Any]],
        *,
        needs_own_process: Callable[[Any], bool] = lambda row: False,
        fresh: bool = False,
    ) -> None:
        """Send rows to the process.

        Args:
            method: What is asked of the verifier: "judge" or "reads".
            rows: Cases or labels, with the numbers under which they are answered.
            needs_own_process: Whether a row needs a process in which no other row is judged.
            fresh: Whether the first row needs a process that has judged nothing yet.
        """
        self.method = method
        self.rows.extend(index for index, _ in rows)
        self._reset_deadline()
        with contextlib.suppress(OSError):  # if it has died, `receive` finds the end of the pipe
            self.pipe.send(
                (
                    [
                        (index, pickle.dumps((method, row), pickle.HIGHEST_PROTOCOL), needs_own_process(row))
                        for index, row in rows
                    ],
                    fresh,
                )
            )

    def receive(self, queue: deque[int]) -> Iterator[tuple[int, Judgement | JudgingStop | bool | list[Judgement]]]:
        """Yield what has arrived, as (row, answer); rows behind one that lost the process return to the queue.

        Raises:
            ConfigError: The verifier cannot be loaded.
        """
        try:
            while self.pipe.poll():
                head, body = json.loads(self.pipe.recv_bytes(2 * MAX_LINE_BYTES + 64))
                if head == "refused":
                    raise ConfigError(str(body))
                if head == "stillborn":
                    raise ConfigError(
                        f"verifier {self.verifier!r}: its judging process ended before it could judge: "
                        f"{body}: {self.read_last_error()}"
                    )
                if head == "ready":
                    self.judge_pid, self.deadline = body, self.deadline if self.rows else NEVER
                    continue
                self.rows.remove(head)
                self._reset_deadline()
                yield head, parse_reply(self.method, body)
        except ConfigError:
            raise
        except (EOFError, OSError, ValueError) as error:
            self.end_reason = f"worker lost ({type(error).__name__})"
            yield from self._conclude_loss(queue)

    def kill(self) -> None:
        """Kill a process that should have answered by now; its pipe then reports the end."""
        self.process.kill()
        self.deadline = NEVER

    def close(self) -> None:
        """End the process and its child."""
        self.pipe.close()
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.stderr.close()

    def read_last_error(self) -> str:
        """Return the last line that the process wrote to its standard error."""
        self.stderr.seek(0)
        return self.stderr.read(1 << 20).decode(errors="replace").strip().rsplit("\n", 1)[-1]

    def _reset_deadline(self) -> None:
        """Set the time by which the next answer must arrive; the worker's own limits end a row long before."""
        self.deadline = time.monotonic() + (BUSY_FACTOR + 1) * self.limit_s + GRACE_S if self.rows else NEVER

    def _conclude_loss(self, queue: deque[int]) -> Iterator[tuple[int, JudgingStop]]:
        """Stop the row at work when the process is lost, and return the others to the queue."""
        rows = list(self.rows)
        self.rows.clear()
        if not self.judge_pid:
            raise ConfigError(
                f"verifier {self.verifier!r}: its worker ended before it could judge: {self.read_last_error()}"
            )
        queue.extendleft(reversed(rows[1:]))
        for row in rows[:1]:
            yield row, JudgingStop("died", self.end_reason)


def collect_answers(
    workers: list[Worker], queue: deque[int], timeout_s: float | None = None
) -> list[tuple[int, Judgement | JudgingStop | bool | list[Judgement]]]:
    """Collect what arrives from workers by their next deadline, or within a timeout; lost workers leave the list.

    Args:
        workers: The workers of one verifier.
        queue: Receives the rows that a lost worker had not begun.
        timeout_s: Seconds to wait at most; None waits for the next deadline.

    Raises:
        ConfigError: The verifier cannot be loaded.
    """
    wait_s = min(worker.deadline for worker in workers) - time.monotonic()
    wait_s = max(0.0, wait_s if timeout_s is None else min(wait_s, timeout_s))
    ready = wait([worker.pipe for worker in workers], None if wait_s == NEVER else wait_s)
    arrived: list[tuple[int, Judgement | JudgingStop | bool | list[Judgement]]] = []
    for worker in list(workers):
        if worker.pipe in ready:
            arrived += worker.receive(queue)
        elif time.monotonic() >= worker.deadline:
            worker.kill()
        if worker.end_reason:
            workers.remove(worker)
            worker.close()
    return arrived
