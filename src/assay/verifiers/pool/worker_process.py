"""A Grader's view of one worker process: its pipe, the rows that it holds, and its deadline."""

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
from assay.verifiers.isolation.cpu_meter import BUSY
from assay.verifiers.isolation.environment import worker_environment
from assay.verifiers.pool.replies import LONGEST, Judged, JudgingStop, read_line

LOAD_S = 180.0  # start and imports of one worker; no case's fault
GRACE_S = 10.0  # beyond the time that a worker gives a row, until its silence counts as its loss
NEVER = float("inf")
START = "from assay.verifiers.pool.fork_server import serve; serve({}, {})"


class Worker:
    """One process that has loaded one verifier; rows are answered in the order given."""

    def __init__(
        self, verifier: str, limit_s: float, memory: int, settings: Mapping[str, Any], names: Iterable[str] = ()
    ) -> None:
        self.verifier, self.limit_s = verifier, limit_s
        self.rows: deque[int] = deque()
        self.verb = "judge"
        self.child = 0  # pid of the process that judges; 0 = none has been ready
        self.ended = ""  # why no answer will follow
        self.due = time.monotonic() + LOAD_S
        self.pipe, far = Pipe()
        self.noise = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the worker
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-c",
                START.format(far.fileno(), os.getpid()),
            ],  # spawn would run the caller's script again
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.noise,
            pass_fds=(far.fileno(),),
            process_group=0,  # Ctrl-C is the parent's to answer
            env=worker_environment(names),
        )
        far.close()
        with contextlib.suppress(OSError):
            self.pipe.send(
                {"verifier": verifier, "settings": dict(settings), "memory": memory, "limit_s": limit_s}
            )  # argv is read by all

    @property
    def pids(self) -> tuple[int, ...]:
        """The process and its judging child."""
        return (self.process.pid, *([self.child] if self.child else []))

    @property
    def free(self) -> bool:
        """Whether it can be given rows."""
        return bool(self.child) and not self.rows and not self.ended

    def give(
        self,
        verb: str,
        rows: list[tuple[int, Any]],
        *,
        alone: Callable[[Any], bool] = lambda row: False,
        anew: bool = False,
    ) -> None:
        """Hands over rows.

        Args:
            verb: What is asked of the verifier: judge or reads.
            rows: Cases or labels, with the numbers under which they are answered.
            alone: Whether a row needs a process of its own.
            anew: Whether the first one needs a process that has judged nothing yet.
        """
        self.verb = verb
        self.rows.extend(index for index, _ in rows)
        self._wind()
        with contextlib.suppress(OSError):  # it died meanwhile; the end of the pipe says so to `receive`
            self.pipe.send(
                ([(index, pickle.dumps((verb, row), pickle.HIGHEST_PROTOCOL), alone(row)) for index, row in rows], anew)
            )

    def receive(self, queue: deque[int]) -> Iterator[tuple[int, Judged | JudgingStop | bool]]:
        """What has arrived: (row, answer); rows behind one that lost the process go back to the queue.

        Raises:
            ConfigError: the verifier cannot be loaded.
        """
        try:
            while self.pipe.poll():
                head, body = json.loads(self.pipe.recv_bytes(2 * LONGEST + 64))
                if head == "refused":
                    raise ConfigError(str(body))
                if head == "stillborn":
                    raise ConfigError(
                        f"verifier {self.verifier!r}: its judging process ended before it could judge: {body}: {self.last_words()}"
                    )
                if head == "ready":
                    self.child, self.due = body, self.due if self.rows else NEVER
                    continue
                self.rows.remove(head)
                self._wind()
                yield head, read_line(self.verb, body)
        except ConfigError:
            raise
        except (EOFError, OSError, ValueError) as error:
            self.ended = f"worker lost ({type(error).__name__})"
            yield from self._bereaved(queue)

    def overdue(self) -> None:
        """Ends a process that should have spoken by now; its pipe then ends."""
        self.process.kill()
        self.due = NEVER

    def close(self) -> None:
        """Ends the process and its child."""
        self.pipe.close()
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.noise.close()

    def last_words(self) -> str:
        """The last line that the process wrote to its standard error."""
        self.noise.seek(0)
        return self.noise.read(1 << 20).decode(errors="replace").strip().rsplit("\n", 1)[-1]

    def _wind(self) -> None:
        """Sets the time by which the next answer must be here: the worker's own limits come long before."""
        self.due = time.monotonic() + (BUSY + 1) * self.limit_s + GRACE_S if self.rows else NEVER

    def _bereaved(self, queue: deque[int]) -> Iterator[tuple[int, JudgingStop]]:
        rows = list(self.rows)
        self.rows.clear()
        if not self.child:
            raise ConfigError(
                f"verifier {self.verifier!r}: its worker ended before it could judge: {self.last_words()}"
            )
        queue.extendleft(reversed(rows[1:]))
        for row in rows[:1]:
            yield row, JudgingStop("died", self.ended)


def answers(
    crew: list[Worker], queue: deque[int], patience: float | None = None
) -> list[tuple[int, Judged | JudgingStop | bool]]:
    """What has arrived from a crew by its next deadline, or after `patience` seconds; lost workers leave the crew.

    Raises:
        ConfigError: as `Worker.receive`.
    """
    pause = min(worker.due for worker in crew) - time.monotonic()
    pause = max(0.0, pause if patience is None else min(pause, patience))
    ready = wait([worker.pipe for worker in crew], None if pause == NEVER else pause)
    arrived: list[tuple[int, Judged | JudgingStop | bool]] = []
    for worker in list(crew):
        if worker.pipe in ready:
            arrived += worker.receive(queue)
        elif time.monotonic() >= worker.due:
            worker.overdue()
        if worker.ended:
            crew.remove(worker)
            worker.close()
    return arrived
