"""A Grader's view of one worker process: its pipe, the rows that it holds, and its deadline."""

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping
from multiprocessing import Pipe
from multiprocessing.connection import wait
from typing import Any

from assay.core.errors import PlanError

LOAD_S = 180.0  # start and imports of one worker; no case's fault
GRACE_S = 5.0  # from the order to kill until the news of the death
NEVER = float("inf")


class Worker:
    """One process that has loaded one verifier; rows are answered in the order given."""

    def __init__(self, verifier: str, limit_s: float, memory: int, settings: Mapping[str, Any]) -> None:
        self.verifier, self.limit_s = verifier, limit_s
        self.rows: deque[int] = deque()
        self.child = 0  # pid of the process that judges; 0 = none is ready
        self.doomed: int | None = None  # the row whose time is up
        self.ended = ""  # why no child will follow
        self.due = time.monotonic() + LOAD_S
        self.pipe, far = Pipe()
        self.noise = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the worker
        call = f"serve({far.fileno()}, {os.getpid()}, {verifier!r}, {memory}, {dict(settings)!r})"
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", f"from assay.verifiers._worker import serve; {call}"],  # spawn would run the caller's script again
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.noise,
            pass_fds=(far.fileno(),),
            process_group=0,  # Ctrl-C is the parent's to answer
            env=_environment(),
        )
        far.close()

    @property
    def pids(self) -> tuple[int, ...]:
        """The process and its judging child."""
        return (self.process.pid, *([self.child] if self.child else []))

    @property
    def free(self) -> bool:
        """Whether it can be given rows."""
        return bool(self.child) and not self.rows and not self.ended

    def give(self, verb: str, rows: list[tuple[int, Any]]) -> None:
        """Hands over rows; the clock of the first one starts."""
        self.rows.extend(index for index, _ in rows)
        self.due = time.monotonic() + self.limit_s
        with contextlib.suppress(OSError):  # it died meanwhile; the end of the pipe says so to `receive`
            self.pipe.send((self.child, verb, rows))

    def receive(self, queue: deque[int]) -> Iterator[tuple[int, Any]]:
        """What has arrived: (row, answer), or (row, why it failed) as text; rows behind a failed one go back to the queue.

        Raises:
            PlanError: the verifier cannot be loaded.
        """
        try:
            while self.pipe.poll():
                head, told = self.pipe.recv()
                if head == "refused":
                    raise PlanError(told)
                if head == "ready":
                    self.child, self.due = told, NEVER
                elif head == "died":
                    yield from self._bereaved(told, queue)
                else:
                    self.rows.remove(head)
                    self.due = time.monotonic() + self.limit_s if self.rows else NEVER
                    yield head, told
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            self.ended = f"worker lost ({type(error).__name__})"
            yield from self._bereaved(self.ended, queue)

    def overdue(self) -> None:
        """Orders the child's death; a process that does not report it is killed itself."""
        if self.child and self.doomed is None and self.rows:
            self.doomed, self.due = self.rows[0], time.monotonic() + GRACE_S
            self.process.send_signal(signal.SIGUSR1)
        else:
            self.process.kill()  # its pipe then ends
            self.due = NEVER

    def close(self) -> None:
        """Ends the process and its child, at once where they are idle."""
        self.pipe.close()
        self.process.send_signal(signal.SIGUSR1)  # a child that is busy does not see the pipe close
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.noise.close()

    def last_words(self) -> str:
        """The last line that the process wrote to its standard error."""
        self.noise.seek(0)
        return self.noise.read().decode(errors="replace").strip().rsplit("\n", 1)[-1]

    def _bereaved(self, why: str, queue: deque[int]) -> Iterator[tuple[int, str]]:
        never_started = not self.child
        self.child, self.due = 0, time.monotonic() + LOAD_S
        rows, doomed = list(self.rows), self.doomed
        self.rows.clear()
        self.doomed = None
        blamed = rows[:1] if why and doomed in (None, *rows[:1]) else []  # the doomed one may have answered at the last moment
        queue.extendleft(reversed(rows[len(blamed) :]))
        if never_started and self.ended:
            raise PlanError(f"verifier {self.verifier!r}: its worker ended before it could judge: {self.last_words()}")
        for row in blamed:
            yield row, why if doomed is None else f"time limit {self.limit_s:g} s"


def answers(crew: list[Worker], queue: deque[int], patience: float | None = None) -> list[tuple[int, Any]]:
    """What has arrived from a crew by its next deadline, or after `patience` seconds; lost workers leave the crew.

    Raises:
        PlanError: as `Worker.receive`.
    """
    pause = min(worker.due for worker in crew) - time.monotonic()
    pause = max(0.0, pause if patience is None else min(pause, patience))
    ready = wait([worker.pipe for worker in crew], None if pause == NEVER else pause)
    found: list[tuple[int, Any]] = []
    for worker in list(crew):
        if worker.pipe in ready:
            found += worker.receive(queue)
        elif time.monotonic() >= worker.due:
            worker.overdue()
        if worker.ended:
            crew.remove(worker)
            worker.close()
    return found


def _environment() -> dict[str, str]:
    """The caller's environment and import path, one thread, no accelerator."""
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**os.environ, **single, "PYTHONPATH": paths, "CUDA_VISIBLE_DEVICES": ""}
