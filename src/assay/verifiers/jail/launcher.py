"""The grader's side of a jail: a launcher process, and the programs that it starts."""

import atexit
import contextlib
import json
import math
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.verifiers.isolation.confinement import Isolation
from assay.verifiers.isolation.idleness import NO_USAGE, RecentUsage
from assay.verifiers.jail.packages import package_paths

ROOT = str(Path(__file__).resolve().parents[3])
START_CODE = (
    f"import sys; sys.path.insert(0, {ROOT!r}); from assay.verifiers.jail.jail import main; del sys.path[0]; main()"
)
START_S, STOP_S = 60.0, 10.0  # for a launcher's start; from ordering a program's end to its report
SHOWN_CHARS = 300  # of an error
MAX_MESSAGE_BYTES = 64 << 20  # of one message to a jailed process
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
SETTING = "grade.settings.code.disposable_machine = true"


class IsolationUnavailable(Exception):
    """This machine cannot isolate programs, and no setting says that it may be lost."""


@dataclass(frozen=True)
class Limits:
    """What one run may use; each sum covers all processes that it starts."""

    cpu_s: float
    wall_s: float
    memory: int  # bytes, per process and for all together
    file: int  # bytes per file, standard output included
    disk: int  # bytes for all files together
    processes: int
    packages: tuple[str, ...] = ()  # distributions that the program may import
    disposable_machine: bool = False


@dataclass(frozen=True)
class Ending:
    """How a jailed process ended."""

    reason: str  # "" = it ended by itself with exit code 0
    late: bool = False  # it reached the wall time limit, which a busy machine can cause
    failed: bool = False  # the jail failed, not the program
    recent_usage: RecentUsage = NO_USAGE  # of a late program, in its last `wall_s`


class JailedProgram:
    """A running program, its report, and what it has written."""

    def __init__(self, report: socket.socket, stdout: Any, stderr: Any) -> None:
        self.report, self.stdout, self.stderr = report, stdout, stderr

    def __enter__(self) -> "JailedProgram":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wait(self, until: float, wall_s: float) -> Ending:
        """Wait until the program has ended, and kill it when its time is up; nothing that it started is left.

        Args:
            until: Moment of `time.monotonic` at which to kill it.
            wall_s: The wall seconds that it has, for the message.
        """
        late = not _wait_readable(self.report, until)
        if late:
            self.stop()
        outcome = self._outcome()
        if late and not outcome.get("setup"):
            return Ending(f"time limit {wall_s:g} s", late=True, recent_usage=RecentUsage(*outcome["recent_usage"]))
        return self._ending(outcome)

    def stop(self) -> None:
        """Order the program's end."""
        with contextlib.suppress(OSError):
            self.report.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Order the program's end, and wait for it."""
        self.stop()
        _wait_readable(self.report, time.monotonic() + STOP_S)
        for file in (self.report, self.stdout, self.stderr):
            file.close()

    def output(self, max_bytes: int) -> str:
        """Return what the program wrote to its standard output, at most so many bytes."""
        self.stdout.seek(0)
        return str(self.stdout.read(max_bytes).decode("utf-8", "replace"))

    def _outcome(self) -> dict[str, Any]:
        if not _wait_readable(self.report, time.monotonic() + STOP_S):
            return {"setup": "the sandbox does not answer"}
        return json.loads(self.report.recv(1 << 16) or b'{"setup": "the sandbox has died"}')  # type: ignore[no-any-return]

    def _ending(self, outcome: dict[str, Any]) -> Ending:
        if outcome["setup"]:
            return Ending(f"sandbox: {outcome['setup']}"[:SHOWN_CHARS], failed=True)
        if outcome["stopped"]:
            return Ending(
                {"processes": "too many processes", "CPU time": CPU_LIMIT_REASON, "memory": "memory limit"}.get(
                    outcome["stopped"], "stopped"
                )
            )
        self.stderr.seek(max(0, self.stderr.seek(0, 2) - (1 << 16)))
        return Ending(explain_exit(outcome["code"], self.stderr.read()))


CPU_LIMIT_REASON = "CPU time is used up"


class Launcher:
    """A process that starts programs in jails; one per set of packages."""

    def __init__(self, packages: dict[str, str], *, isolated: bool) -> None:
        self.control, far_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.noise = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process
        self.owner = os.getpid()
        self.process = subprocess.Popen(
            [
                str(getattr(sys, "_base_executable", "") or sys.executable),
                "-I",
                "-B",
                "-S",
                "-X",
                "utf8",
                "-c",
                START_CODE,
            ],
            stdin=far_end.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=self.noise,
            start_new_session=True,
            env={
                "PATH": os.defpath,
                "LANG": "C.UTF-8",
                "TMPDIR": tempfile.gettempdir(),
                **dict.fromkeys(THREAD_VARIABLES, "1"),
            },
        )
        far_end.close()
        self.control.send(json.dumps({"packages": packages, "open": not isolated}).encode())
        answer = self.control.recv(1 << 16) if _wait_readable(self.control, time.monotonic() + START_S) else b""
        isolation = json.loads(answer or json.dumps({"refusal": self._last_words()}))
        self.refusal: str = isolation.pop("refusal")
        self.isolation = Isolation(**isolation)

    def start(
        self, program: str, request: dict[str, Any], *, stdin: str = "", channels: Sequence[int] = ()
    ) -> JailedProgram:
        """Start a program.

        Args:
            program: Its text.
            request: Its mode and limits, as `jail` reads them.
            stdin: Text of its standard input.
            channels: The file numbers of sockets that it is given.

        Returns:
            The running program.

        Raises:
            OSError: The launcher is gone.
        """
        report, far_end = socket.socketpair()
        stdout, stderr = _make_memory_file(""), _make_memory_file("")
        with far_end, _make_memory_file(program) as program_file, _make_memory_file(stdin) as stdin_file:
            files = [
                far_end.fileno(),
                program_file.fileno(),
                stdin_file.fileno(),
                stdout.fileno(),
                stderr.fileno(),
                *channels,
            ]
            try:
                socket.send_fds(self.control, [json.dumps(request).encode()], files)
            except OSError:
                report.close()
                raise
        return JailedProgram(report, stdout, stderr)

    def close(self) -> None:
        """End the launcher's process."""
        self.control.close()
        if os.getpid() == self.owner:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_S)
        self.noise.close()

    def _last_words(self) -> str:
        self.noise.seek(0)
        return self.noise.read().decode("utf-8", "replace").strip().rsplit("\n", 1)[-1][:SHOWN_CHARS] or "no answer"


_launchers: dict[tuple[tuple[str, ...], bool], Launcher] = {}
_lock = threading.Lock()


def get_launcher(limits: Limits) -> Launcher:
    """Return the launcher for these packages, and start it where there is none yet; processes forked later share it.

    Raises:
        IsolationUnavailable: This machine cannot isolate programs, and is not declared disposable.
        ValueError: A package is not installed.
    """
    key = (limits.packages, limits.disposable_machine)
    with _lock:
        if key not in _launchers:
            _launchers[key] = _start_launcher(limits)
        return _launchers[key]


def explain_refusal(limits: Limits) -> str:
    """Return why no program is run on this machine, in one line with the remedy; "" where it can be isolated."""
    try:
        get_launcher(limits)
    except (IsolationUnavailable, ValueError) as error:
        return str(error)
    return ""


def start_program(
    program: str,
    limits: Limits,
    *,
    mode: str = "main",
    cpu_s: float = 0.0,
    stdin: str = "",
    channels: Sequence[int] = (),
) -> JailedProgram:
    """Start a program in a jail.

    Args:
        program: Its text.
        limits: What it may use.
        mode: "main" runs it, "calls" serves calls of it, "tests" runs tests that arrive on the first channel.
        cpu_s: CPU seconds of all that it does, where that is not `limits.cpu_s`.
        stdin: Text of its standard input.
        channels: The file numbers of sockets that it is given.

    Returns:
        The running program.

    Raises:
        IsolationUnavailable: As for `get_launcher`.
        ValueError: As for `get_launcher`.
        OSError: No launcher can be reached.
    """
    total_s = max(1, math.ceil(cpu_s or limits.cpu_s))
    bounds = {name: getattr(limits, name) for name in ("memory", "file", "disk", "processes", "cpu_s", "wall_s")}
    request = {
        "mode": mode,
        "message": MAX_MESSAGE_BYTES,
        "process_cpu_s": total_s,
        "total_cpu_s": total_s + 1,
        **bounds,
    }
    try:
        return get_launcher(limits).start(program, request, stdin=stdin, channels=channels)
    except OSError:
        close_all()  # the launcher has died: try once more with a new one
        return get_launcher(limits).start(program, request, stdin=stdin, channels=channels)


def close_all() -> None:
    """End every launcher of this process."""
    with _lock:
        for launcher in _launchers.values():
            launcher.close()
        _launchers.clear()


atexit.register(close_all)


def explain_exit(code: int, stderr: bytes) -> str:
    """Return why a program ended as it did, in one line; "" for exit code 0."""
    if code == 0:
        return ""
    if code == -signal.SIGXCPU:
        return CPU_LIMIT_REASON
    last_line = stderr.decode("utf-8", "replace").strip().rsplit("\n", 1)[-1]
    return (last_line or (f"signal {-code}" if code < 0 else f"exit code {code}"))[:SHOWN_CHARS]


def _start_launcher(limits: Limits) -> Launcher:
    if sys.platform != "linux":
        raise IsolationUnavailable(
            f"programs can only be run on Linux, found {sys.platform}; "
            "grade.settings.code.sandbox_url can name a sandbox elsewhere"
        )
    packages = package_paths(limits.packages)
    isolated = Launcher(packages, isolated=True)
    if not isolated.refusal:
        return isolated
    isolated.close()
    if not limits.disposable_machine:
        raise IsolationUnavailable(
            f"programs cannot be isolated here ({isolated.refusal}); "
            f"on a disposable machine, `{SETTING}` runs them without isolation"
        )
    return Launcher(packages, isolated=False)


def _make_memory_file(text: str) -> Any:
    """Return a file in memory that holds a text, positioned at its beginning."""
    file = os.fdopen(os.memfd_create("assay-code"), "w+b")
    file.write(text.encode("utf-8", "replace"))
    file.seek(0)
    return file


def _wait_readable(channel: socket.socket, until: float) -> bool:
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    return bool(poll.poll(max(0, math.ceil((until - time.monotonic()) * 1000))))
