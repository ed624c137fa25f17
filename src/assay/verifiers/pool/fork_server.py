"""The other side of a Grader: a process that has imported one verifier, forks the process that judges, feeds it row by row and times each row.

It reads no text: requests and replies pass through it as bytes. A judging process that hangs, crashes or runs out of memory is replaced by
another fork in milliseconds, and so is one whose verifier can run given text, before and after every row that is not inert; nothing is
imported again.
"""

import contextlib
import gc
import json
import os
import select
import signal
import sys
import time
from collections import deque
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

from assay.core.errors import ConfigError
from assay.core.parts import build_part
from assay.core.ports import Verifier
from assay.verifiers.isolation.cpu_meter import Spent, overdrawn, spent
from assay.verifiers.isolation.worker_rights import rights
from assay.verifiers.pool.judging import HEADER, READY, mapped_bytes, rehearse, serve_rows
from assay.verifiers.pool.plugins import wrap
from assay.verifiers.pool.replies import LONGEST, stop_line
from assay.verifiers.pool.sympy_gate import close_sympy

LOOK_S = 0.5  # between two looks whether the Grader is alive
CLOSE_S = 0.05  # between two looks at a row whose time is up or nearly so
STILLBORN = 3  # forks in a row that end before they are ready
TIMES = {
    "cpu": "time limit {:g} s, all of it CPU time",
    "idle": "time limit {:g} s",
    "load": "time limit {:g} s on a machine that is busy",
}


def serve(file: int, parent: int) -> None:
    """Judges what comes through the pipe until it closes or the Grader is gone.

    The first message holds {verifier, settings, memory, limit_s}; then come ([(row, request, alone)], anew). Sends, as JSON, ["refused", why] where
    the verifier cannot be loaded, ["ready", pid] per judging process, and [row, line] per row.
    """
    pipe = Connection(file)
    order: Mapping[str, Any] = pipe.recv()
    try:
        part = _load(order["verifier"], order["settings"])
    except ConfigError as error:
        _tell(pipe, ["refused", str(error)])
        return
    if is_shut(order["verifier"], part):
        rights()  # known before there is a child, as is what this process maps
    rehearse()
    gc.collect()
    if sys.platform == "linux":
        mapped_bytes()
    gc.freeze()  # a collection in a child would copy every page of what was imported
    Keeper(pipe, parent, part, order).run()


def runs_text(verifier: str, part: Any) -> bool:
    """Whether text that is not inert is judged in a process of its own: where the part says so, and an outside one does not deny it."""
    return bool(getattr(part, "evaluates_text", verifier.startswith("python:")))


def is_shut(verifier: str, part: Any) -> bool:
    """Whether the judging process gives up its rights: all of this house but those that run programs themselves, behind walls of their own."""
    return not verifier.startswith("python:") and not getattr(part, "dangerous", False)


def _load(verifier: str, settings: Mapping[str, Any]) -> Verifier:
    try:
        part = wrap(verifier, build_part("verifier", verifier, settings))
        getattr(part, "warm", lambda: None)()
        if "sympy" in sys.modules and not verifier.startswith("python:"):
            close_sympy()
        return part
    except ConfigError:
        raise
    except Exception as error:  # an outside module may raise anything while it is imported
        raise ConfigError(f"verifier {verifier!r}: {type(error).__name__}: {error}") from error


def _tell(pipe: Connection, message: list[Any]) -> None:
    with contextlib.suppress(OSError):  # the Grader is gone; the end of the pipe says so next
        pipe.send_bytes(json.dumps(message).encode("ascii"))


class Keeper:
    """Keeps one judging process alive and at most one row with it."""

    def __init__(self, pipe: Connection, parent: int, part: Verifier, order: Mapping[str, Any]) -> None:
        self.pipe, self.parent, self.part = pipe, parent, part
        self.memory, self.limit_s = int(order["memory"]), float(order["limit_s"])
        self.guarded, self.shut = runs_text(order["verifier"], part), is_shut(order["verifier"], part)
        self.bells = _bell()
        self.rows: deque[tuple[int, bytes, bool]] = deque()
        self.row: int | None = None  # at work
        self.alone = False  # whether no row may follow it in its process
        self.token = b""  # of the row at work: what was written before it was sent cannot hold it
        self.began, self.used = 0.0, Spent(0.0, 0.0)  # when it began, and what its process had used by then
        self.ready, self.judged, self.stillborn = False, 0, 0
        self.child, self.group, self.requests, self.replies = 0, 0, -1, -1
        self.outgoing, self.incoming = b"", b""

    def run(self) -> None:
        """Until the Grader leaves."""
        self._fork(warm=True)
        while os.getppid() == self.parent and self._step():
            pass
        self._end()
        with contextlib.suppress(
            ChildProcessError
        ):  # reaped here, where that takes no time: the first process of a machine may be slow to do it
            while True:
                os.waitpid(-1, 0)

    def _step(self) -> bool:
        inputs: list[Any] = [self.pipe, self.bells[0], self.replies]
        readable, writable, _ = select.select(inputs, [self.requests] if self.outgoing else [], [], self._pause())
        if self.bells[0] in readable:
            self._reap()
        if self.pipe in readable and not self._receive():
            return False
        if self.replies in readable:
            self._hear()
        if self.requests in writable and self.outgoing:
            self._push()
        if self.row is not None and (kind := self._overdrawn()):
            self._stopped(kind, TIMES[kind].format(self.limit_s))
        self._feed()
        return True

    def _pause(self) -> float:
        if self.row is None:
            return LOOK_S
        left = self.limit_s - (time.monotonic() - self.began)
        return min(LOOK_S, max(CLOSE_S, left))

    def _receive(self) -> bool:
        """Takes rows from the Grader; False when it has closed the pipe."""
        try:
            rows, anew = self.pipe.recv()
        except (EOFError, OSError):
            return False
        self.rows.extend(rows)
        if anew and self.judged:
            self._renew()
        return True

    def _feed(self) -> None:
        if not self.ready or self.row is not None or not self.rows:
            return
        if self.guarded and self.rows[0][2] and self.judged:  # it is judged where no text has been
            self._renew()
        else:
            self.row, request, alone = self.rows.popleft()
            self.alone = self.guarded and alone
            self.token = os.urandom(8).hex().encode("ascii")
            self.outgoing = HEADER.pack(self.token, len(request)) + request
            self.began, self.used = time.monotonic(), spent(self.child)
            self._push()

    def _push(self) -> None:
        try:
            self.outgoing = self.outgoing[os.write(self.requests, self.outgoing[: 1 << 20]) :]
        except BlockingIOError:
            pass
        except OSError:
            self.outgoing = b""  # it is dying

    def _hear(self) -> None:
        """Takes what the judging process writes: one line per row and nothing else."""
        try:
            part = os.read(self.replies, LONGEST)
        except BlockingIOError:
            return
        if not part:
            self._died(self._status())
            return
        self.incoming += part
        while b"\n" in self.incoming:
            line, self.incoming = self.incoming.split(b"\n", 1)
            if not self._heard(line + b"\n"):
                return
        if len(self.incoming) > LONGEST:
            self._stopped("died", "the judging process sent more than a verdict")

    def _heard(self, line: bytes) -> bool:
        """Passes a line on; False where the process that wrote it is no longer kept."""
        if not self.ready and line == READY:
            self.ready, self.stillborn = True, 0
            _tell(self.pipe, ["ready", self.child])
            return True
        if self.row is None or len(line) > LONGEST or not line.startswith(self.token):
            self._stopped("died", "the judging process sent more than a verdict")
            return False
        line = line.removeprefix(self.token)
        _tell(self.pipe, [self.row, line.decode("utf-8", "replace")])
        self.row, self.judged = None, self.judged + 1
        if self.alone or line.startswith(
            b'["stop", "memory"'
        ):  # what a failed allocation left behind is not trusted with the next row
            self._renew()
            return False
        return True

    def _overdrawn(self) -> str:
        now = spent(self.child)
        used = Spent(now.computed_s - self.used.computed_s, now.queued_s - self.used.queued_s)
        return overdrawn(self.limit_s, time.monotonic() - self.began, used)

    def _stopped(self, kind: str, reason: str) -> None:
        """The row at work has no answer; its process ends."""
        if self.row is not None:
            _tell(self.pipe, [self.row, stop_line(kind, reason).decode("ascii")])
            self.row = None
        self._renew()

    def _died(self, why: str) -> None:
        self.stillborn += not self.ready
        if self.stillborn >= STILLBORN:
            _tell(self.pipe, ["stillborn", why])
            os._exit(1)
        self._stopped("died", why)

    def _status(self) -> str:
        """How the judging process ended, which has closed its end of the replies; one that goes on without it is killed."""
        with contextlib.suppress(ProcessLookupError):
            for _ in range(20):
                ended, status = os.waitpid(self.child, os.WNOHANG)
                if ended:
                    self.child = 0
                    code = os.waitstatus_to_exitcode(status)
                    return f"worker died ({f'signal {-code}' if code < 0 else f'exit {code}'})"
                time.sleep(0.005)
        return "the judging process closed its pipe"

    def _reap(self) -> None:
        """Takes leave of processes that have ended; the present one is told by its pipe, unless something it left behind holds that."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.bells[0], 4096)
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self.child:
                    self._gone(os.waitstatus_to_exitcode(ended[1]))

    def _gone(self, code: int) -> None:
        self.child = 0
        with contextlib.suppress(OSError):
            self._last_line()
        if self.child == 0:
            self._died(f"worker died ({f'signal {-code}' if code < 0 else f'exit {code}'})")

    def _last_line(self) -> None:
        """An answer that arrived together with the end of its process."""
        part = os.read(self.replies, LONGEST)
        self.incoming += part
        if b"\n" in self.incoming and self.row is not None:
            line, self.incoming = self.incoming.split(b"\n", 1)
            self._heard(line + b"\n")

    def _renew(self) -> None:
        self._end()
        self._fork()

    def _end(self) -> None:
        """Nothing of the judging process is left; it is reaped later."""
        for kill, target in ((os.killpg, self.group), (os.kill, self.child)):
            with contextlib.suppress(OSError):
                if target:
                    kill(target, signal.SIGKILL)
        os.close(self.requests)
        os.close(self.replies)
        self.child = self.group = 0

    def _fork(self, *, warm: bool = False) -> None:
        near_in, self.requests = os.pipe()
        self.replies, near_out = os.pipe()
        self.ready, self.judged, self.outgoing, self.incoming = False, 0, b"", b""
        self.child = os.fork()
        if self.child == 0:
            _become(self, near_in, near_out, warm)
        self.group = self.child
        with contextlib.suppress(OSError):
            os.setpgid(self.child, self.child)
        os.close(near_in)
        os.close(near_out)
        os.set_blocking(self.requests, False)
        os.set_blocking(self.replies, False)


def _become(keeper: Keeper, requests: int, replies: int, warm: bool) -> None:
    """The judging side of a fork; does not return."""
    try:
        signal.set_wakeup_fd(-1)
        for file in (keeper.pipe.fileno(), keeper.requests, keeper.replies, *keeper.bells):
            os.close(file)
        serve_rows(requests, replies, keeper.part, keeper.memory, warm=warm, shut=keeper.shut)
    except BaseException as error:  # noqa: BLE001  # this process is not its parent, whatever happens
        with contextlib.suppress(OSError):
            os.write(2, f"{type(error).__name__}: {error}\n".encode("utf-8", "replace"))
    finally:
        os._exit(70)


def _bell() -> tuple[int, int]:
    """A file that becomes readable when a process ends, and its other end; Ctrl-C and SIGTERM are left to the Grader, which closes the pipe."""
    ear, mouth = os.pipe()
    os.set_blocking(ear, False)
    os.set_blocking(mouth, False)
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(signum, lambda *_: None)  # not SIG_IGN, which programs started by a verifier would inherit
    signal.set_wakeup_fd(mouth, warn_on_full_buffer=False)
    return ear, mouth
