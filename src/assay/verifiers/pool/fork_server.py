"""The process between a Grader and the process that judges: it forks that one, feeds it row by row and times each row.

It has imported one verifier and reads no text: requests and replies pass through it as bytes. A judging process that
hangs, crashes or runs out of memory is replaced by another fork in milliseconds, and nothing is imported again. Where a
verifier may evaluate a model's text, the judging process is also replaced before and after every row whose text is not
inert.
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
from assay.core.parts import is_outside
from assay.core.ports import Verifier
from assay.verifiers.isolation.cpu_meter import CpuUsage, find_overrun, read_cpu_usage
from assay.verifiers.isolation.worker_rights import worker_confinement
from assay.verifiers.outside.plugins import load_verifier
from assay.verifiers.pool.judging import HEADER, READY, mapped_bytes, serve_rows, warm_up_pages
from assay.verifiers.pool.replies import MAX_LINE_BYTES, encode_stop
from assay.verifiers.pool.sympy_gate import restrict_sympy

PARENT_CHECK_S = 0.5  # between two checks that the Grader is alive
DEADLINE_CHECK_S = 0.05  # between two checks of a row whose time is up or nearly so
MAX_FAILED_FORKS = 3  # consecutive forks that end before they are ready
TIMEOUT_REASONS = {
    "cpu": "time limit {:g} s, all of it CPU time",
    "idle": "time limit {:g} s",
    "load": "time limit {:g} s on a machine that is busy",
}


def serve(file: int, parent: int) -> None:
    """Serve rows from the pipe until it closes or the Grader is gone.

    The first message holds {verifier, settings, memory, limit_s}; the next ones are ([(row, request, own_process)],
    fresh). Sends, as JSON, ["refused", reason] where the verifier cannot be loaded, ["ready", pid] per judging process,
    and [row, line] per row.

    Args:
        file: The file number of the pipe to the Grader.
        parent: The Grader's process id.
    """
    pipe = Connection(file)
    setup: Mapping[str, Any] = pipe.recv()
    try:
        part = _load_verifier(setup["verifier"], setup["settings"])
    except ConfigError as error:
        _send_message(pipe, ["refused", str(error)])
        return
    if is_confined(setup["verifier"], part):
        worker_confinement()  # worked out before there is a child, as is `mapped_bytes`
    warm_up_pages()
    gc.collect()
    if sys.platform == "linux":
        mapped_bytes()
    gc.freeze()  # a collection in a child would copy all pages of what was imported
    ForkServer(pipe, parent, part, setup).run()


def may_evaluate_text(verifier: str, part: Any) -> bool:
    """Return whether a row whose text is not inert gets a process of its own.

    It does where the verifier says so (hook `evaluates_text`), and for a verifier from outside unless it denies it.
    """
    return bool(getattr(part, "evaluates_text", is_outside(verifier)))


def is_confined(verifier: str, part: Any) -> bool:
    """Return whether the judging process gives up its rights.

    It does for every verifier of this package, except those that run programs, which have a jail of their own.
    """
    return not is_outside(verifier) and not getattr(part, "dangerous", False)


def _load_verifier(verifier: str, settings: Mapping[str, Any]) -> Verifier:
    try:
        part = load_verifier(verifier, settings)
        getattr(part, "warm", lambda: None)()
        if "sympy" in sys.modules and not is_outside(verifier):
            restrict_sympy()
        return part
    except ConfigError:
        raise
    except Exception as error:  # a module from outside may raise anything at import
        raise ConfigError(f"verifier {verifier!r}: {type(error).__name__}: {error}") from error


def _send_message(pipe: Connection, message: list[Any]) -> None:
    with contextlib.suppress(OSError):  # where the Grader is gone, the pipe's end is read next
        pipe.send_bytes(json.dumps(message).encode("ascii"))


class ForkServer:
    """Keeps one judging process alive, and gives it at most one row at a time."""

    def __init__(self, pipe: Connection, parent: int, part: Verifier, setup: Mapping[str, Any]) -> None:
        self.pipe, self.parent, self.part = pipe, parent, part
        self.memory, self.limit_s = int(setup["memory"]), float(setup["limit_s"])
        self.isolates_rows = may_evaluate_text(setup["verifier"], part)
        self.confined = is_confined(setup["verifier"], part)
        self.wakeup = _open_wakeup_pipe()
        self.rows: deque[tuple[int, bytes, bool]] = deque()
        self.current_row: int | None = None  # being judged
        self.own_process = False  # whether no other row may follow it in its process
        self.token = b""  # of the current row: a line that was written before the row came cannot hold it
        self.started_s = 0.0  # when the current row began
        self.usage_at_start = CpuUsage(0.0, 0.0)  # what its process had used by then
        self.ready, self.judged, self.failed_forks = False, 0, 0
        self.child, self.child_group, self.requests, self.replies = 0, 0, -1, -1
        self.outgoing, self.incoming = b"", b""

    def run(self) -> None:
        """Serve until the Grader leaves."""
        self._fork_child(warm=True)
        while os.getppid() == self.parent and self._handle_events():
            pass
        self._kill_child()
        # reap children here, at once; left to process 1 of a machine it may take long
        with contextlib.suppress(ChildProcessError):
            while True:
                os.waitpid(-1, 0)

    def _handle_events(self) -> bool:
        inputs: list[Any] = [self.pipe, self.wakeup[0], self.replies]
        readable, writable, _ = select.select(
            inputs, [self.requests] if self.outgoing else [], [], self._select_timeout_s()
        )
        if self.wakeup[0] in readable:
            self._reap_children()
        if self.pipe in readable and not self._receive_rows():
            return False
        if self.replies in readable:
            self._read_replies()
        if self.requests in writable and self.outgoing:
            self._write_request()
        if self.current_row is not None and (kind := self._find_overrun()):
            self._report_stop(kind, TIMEOUT_REASONS[kind].format(self.limit_s))
        self._send_next_row()
        return True

    def _select_timeout_s(self) -> float:
        if self.current_row is None:
            return PARENT_CHECK_S
        left_s = self.limit_s - (time.monotonic() - self.started_s)
        return min(PARENT_CHECK_S, max(DEADLINE_CHECK_S, left_s))

    def _receive_rows(self) -> bool:
        """Receive rows from the Grader; False when it has closed the pipe."""
        try:
            rows, fresh = self.pipe.recv()
        except (EOFError, OSError):
            return False
        self.rows.extend(rows)
        if fresh and self.judged:
            self._replace_child()
        return True

    def _send_next_row(self) -> None:
        if not self.ready or self.current_row is not None or not self.rows:
            return
        if self.isolates_rows and self.rows[0][2] and self.judged:  # it needs a process that has seen no text
            self._replace_child()
        else:
            self.current_row, request, own_process = self.rows.popleft()
            self.own_process = self.isolates_rows and own_process
            self.token = os.urandom(8).hex().encode("ascii")
            self.outgoing = HEADER.pack(self.token, len(request)) + request
            self.started_s, self.usage_at_start = time.monotonic(), read_cpu_usage(self.child)
            self._write_request()

    def _write_request(self) -> None:
        try:
            self.outgoing = self.outgoing[os.write(self.requests, self.outgoing[: 1 << 20]) :]
        except BlockingIOError:
            pass
        except OSError:
            self.outgoing = b""  # the child is dying

    def _read_replies(self) -> None:
        """Read what the judging process writes: one line per row and nothing else."""
        try:
            piece = os.read(self.replies, MAX_LINE_BYTES)
        except BlockingIOError:
            return
        if not piece:
            self._report_death(self._wait_for_exit())
            return
        self.incoming += piece
        while b"\n" in self.incoming:
            line, self.incoming = self.incoming.split(b"\n", 1)
            if not self._handle_line(line + b"\n"):
                return
        if len(self.incoming) > MAX_LINE_BYTES:
            self._report_stop("died", "the judging process sent more than a verdict")

    def _handle_line(self, line: bytes) -> bool:
        """Pass a line on to the Grader; False where the process that wrote it has been replaced."""
        if not self.ready and line == READY:
            self.ready, self.failed_forks = True, 0
            _send_message(self.pipe, ["ready", self.child])
            return True
        if self.current_row is None or len(line) > MAX_LINE_BYTES or not line.startswith(self.token):
            self._report_stop("died", "the judging process sent more than a verdict")
            return False
        line = line.removeprefix(self.token)
        _send_message(self.pipe, [self.current_row, line.decode("utf-8", "replace")])
        self.current_row, self.judged = None, self.judged + 1
        # after a failed allocation the process is not trusted with another row
        if self.own_process or line.startswith(b'["stop", "memory"'):
            self._replace_child()
            return False
        return True

    def _find_overrun(self) -> str:
        now = read_cpu_usage(self.child)
        usage = CpuUsage(now.computed_s - self.usage_at_start.computed_s, now.queued_s - self.usage_at_start.queued_s)
        return find_overrun(self.limit_s, time.monotonic() - self.started_s, usage)

    def _report_stop(self, kind: str, reason: str) -> None:
        """Report that the current row has no answer, and replace its process."""
        if self.current_row is not None:
            _send_message(self.pipe, [self.current_row, encode_stop(kind, reason).decode("ascii")])
            self.current_row = None
        self._replace_child()

    def _report_death(self, reason: str) -> None:
        self.failed_forks += not self.ready
        if self.failed_forks >= MAX_FAILED_FORKS:
            _send_message(self.pipe, ["stillborn", reason])
            os._exit(1)
        self._report_stop("died", reason)

    def _wait_for_exit(self) -> str:
        """Return how the judging process ended, which has closed its replies; replacing it kills it if it goes on."""
        with contextlib.suppress(ProcessLookupError):
            for _ in range(20):
                ended, status = os.waitpid(self.child, os.WNOHANG)
                if ended:
                    self.child = 0
                    code = os.waitstatus_to_exitcode(status)
                    return f"worker died ({f'signal {-code}' if code < 0 else f'exit {code}'})"
                time.sleep(0.005)
        return "the judging process closed its pipe"

    def _reap_children(self) -> None:
        """Reap processes that have ended.

        The end of the judging process shows in its pipe, unless another process that it started still holds that open.
        """
        with contextlib.suppress(BlockingIOError):
            os.read(self.wakeup[0], 4096)
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self.child:
                    self._handle_exit(os.waitstatus_to_exitcode(ended[1]))

    def _handle_exit(self, code: int) -> None:
        self.child = 0
        with contextlib.suppress(OSError):
            self._read_last_reply()
        if self.child == 0:
            self._report_death(f"worker died ({f'signal {-code}' if code < 0 else f'exit {code}'})")

    def _read_last_reply(self) -> None:
        """Read an answer that arrived together with the end of its process."""
        piece = os.read(self.replies, MAX_LINE_BYTES)
        self.incoming += piece
        if b"\n" in self.incoming and self.current_row is not None:
            line, self.incoming = self.incoming.split(b"\n", 1)
            self._handle_line(line + b"\n")

    def _replace_child(self) -> None:
        self._kill_child()
        self._fork_child()

    def _kill_child(self) -> None:
        """Kill the judging process and all that it started; it is reaped later."""
        for kill, target in ((os.killpg, self.child_group), (os.kill, self.child)):
            with contextlib.suppress(OSError):
                if target:
                    kill(target, signal.SIGKILL)
        os.close(self.requests)
        os.close(self.replies)
        self.child = self.child_group = 0

    def _fork_child(self, *, warm: bool = False) -> None:
        child_requests, self.requests = os.pipe()
        self.replies, child_replies = os.pipe()
        self.ready, self.judged, self.outgoing, self.incoming = False, 0, b"", b""
        self.child = os.fork()
        if self.child == 0:
            _run_child(self, child_requests, child_replies, warm)
        self.child_group = self.child
        with contextlib.suppress(OSError):
            os.setpgid(self.child, self.child)
        os.close(child_requests)
        os.close(child_replies)
        os.set_blocking(self.requests, False)
        os.set_blocking(self.replies, False)


def _run_child(server: ForkServer, requests: int, replies: int, warm: bool) -> None:
    """Run the judging side of a fork; does not return."""
    try:
        signal.set_wakeup_fd(-1)
        for file in (server.pipe.fileno(), server.requests, server.replies, *server.wakeup):
            os.close(file)
        serve_rows(requests, replies, server.part, server.memory, warm=warm, confined=server.confined)
    except BaseException as error:  # noqa: BLE001  # it must never continue as its parent
        with contextlib.suppress(OSError):
            os.write(2, f"{type(error).__name__}: {error}\n".encode("utf-8", "replace"))
    finally:
        os._exit(70)


def _open_wakeup_pipe() -> tuple[int, int]:
    """Return a file that becomes readable when a process ends, and its other end.

    Ctrl-C and SIGTERM are left to the Grader, which closes the pipe.
    """
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(signum, lambda *_: None)  # not SIG_IGN, which programs started by a verifier would inherit
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    return reader, writer
