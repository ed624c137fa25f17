"""The grader's side of a jail: one launcher process, and the programs that it starts."""

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
from assay.verifiers.isolation.idleness import NOTHING, Spending
from assay.verifiers.jail.packages import package_paths

ROOT = str(Path(__file__).resolve().parents[3])
START = f"import sys; sys.path.insert(0, {ROOT!r}); from assay.verifiers.jail.jail import main; del sys.path[0]; main()"
START_S, STOP_S = 60.0, 10.0  # a launcher's start; from the order to end a program until the news of it
SHOWN = 300  # characters of an error that are kept
MESSAGE = 64 << 20  # bytes of one message to a jailed process
SINGLE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
SETTING = "grade.settings.code.disposable_machine = true"


class NoIsolation(Exception):
    """This machine cannot isolate programs, and nothing says that it may be lost."""


@dataclass(frozen=True)
class Limits:
    """What one run may use; each sum is of all processes that it starts."""

    cpu_s: float
    wall_s: float
    memory: int  # bytes, of each process and of all
    file: int  # bytes of any one file, standard output included
    disk: int  # bytes of all files
    processes: int
    packages: tuple[str, ...] = ()  # distributions that can be imported
    disposable_machine: bool = False


@dataclass(frozen=True)
class Ending:
    """How a jailed process ended."""

    reason: str  # "" = by itself with exit code 0
    late: bool = False  # the wall limit, which load can bring about
    failed: bool = False  # the jail, not the program
    spending: Spending = NOTHING  # of a late one, in its last `wall_s`


class Jailed:
    """One program that runs, its report, and what it has written."""

    def __init__(self, report: socket.socket, stdout: Any, stderr: Any) -> None:
        self.report, self.stdout, self.stderr = report, stdout, stderr

    def __enter__(self) -> "Jailed":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wait(self, until: float, wall_s: float) -> Ending:
        """Wait until it has ended, and kill it at a moment of `time.monotonic`; nothing that it started is left."""
        late = not _readable(self.report, until)
        if late:
            self.stop()
        outcome = self._outcome()
        if late and not outcome.get("setup"):
            return Ending(f"time limit {wall_s:g} s", late=True, spending=Spending(*outcome["spending"]))
        return self._ending(outcome)

    def stop(self) -> None:
        """Order its end."""
        with contextlib.suppress(OSError):
            self.report.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Order its end, and wait for that."""
        self.stop()
        _readable(self.report, time.monotonic() + STOP_S)
        for file in (self.report, self.stdout, self.stderr):
            file.close()

    def output(self, most: int) -> str:
        """What it wrote to its standard output, at most so many bytes."""
        self.stdout.seek(0)
        return str(self.stdout.read(most).decode("utf-8", "replace"))

    def _outcome(self) -> dict[str, Any]:
        if not _readable(self.report, time.monotonic() + STOP_S):
            return {"setup": "the jail does not answer"}
        return json.loads(self.report.recv(1 << 16) or b'{"setup": "the jail has died"}')  # type: ignore[no-any-return]

    def _ending(self, outcome: dict[str, Any]) -> Ending:
        if outcome["setup"]:
            return Ending(f"jail: {outcome['setup']}"[:SHOWN], failed=True)
        if outcome["stopped"]:
            return Ending(
                {"processes": "too many processes", "CPU time": CPU_OUT, "memory": "memory limit"}.get(
                    outcome["stopped"], "stopped"
                )
            )
        self.stderr.seek(max(0, self.stderr.seek(0, 2) - (1 << 16)))
        return Ending(explain(outcome["code"], self.stderr.read()))


CPU_OUT = "CPU time is used up"


class Launcher:
    """A process that starts programs in jails; made once for each set of packages."""

    def __init__(self, packages: dict[str, str], *, isolated: bool) -> None:
        self.control, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.noise = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process
        self.owner = os.getpid()
        self.process = subprocess.Popen(
            [str(getattr(sys, "_base_executable", "") or sys.executable), "-I", "-B", "-S", "-X", "utf8", "-c", START],
            stdin=far.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=self.noise,
            start_new_session=True,
            env={"PATH": os.defpath, "LANG": "C.UTF-8", "TMPDIR": tempfile.gettempdir(), **dict.fromkeys(SINGLE, "1")},
        )
        far.close()
        self.control.send(json.dumps({"packages": packages, "open": not isolated}).encode())
        answer = self.control.recv(1 << 16) if _readable(self.control, time.monotonic() + START_S) else b""
        granted = json.loads(answer or json.dumps({"refusal": self._last_words()}))
        self.refusal: str = granted.pop("refusal")
        self.isolation = Isolation(**granted)

    def start(self, program: str, request: dict[str, Any], *, stdin: str = "", channels: Sequence[int] = ()) -> Jailed:
        """Start a program.

        Args:
            program: its text.
            request: its mode and limits, as `_jail` reads them.
            stdin: text of its standard input.
            channels: sockets that it is given.

        Returns:
            What runs.

        Raises:
            OSError: the launcher is gone.
        """
        report, far = socket.socketpair()
        stdout, stderr = _filled(""), _filled("")
        with far, _filled(program) as text, _filled(stdin) as source:
            files = [far.fileno(), text.fileno(), source.fileno(), stdout.fileno(), stderr.fileno(), *channels]
            try:
                socket.send_fds(self.control, [json.dumps(request).encode()], files)
            except OSError:
                report.close()
                raise
        return Jailed(report, stdout, stderr)

    def close(self) -> None:
        """End the process."""
        self.control.close()
        if os.getpid() == self.owner:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_S)
        self.noise.close()

    def _last_words(self) -> str:
        self.noise.seek(0)
        return self.noise.read().decode("utf-8", "replace").strip().rsplit("\n", 1)[-1][:SHOWN] or "no answer"


_launchers: dict[tuple[tuple[str, ...], bool], Launcher] = {}
_lock = threading.Lock()


def launcher(limits: Limits) -> Launcher:
    """The launcher for these packages, started where there is none yet; processes forked later share it.

    Raises:
        NoIsolation: this machine cannot isolate programs, and is not said to be disposable.
        ValueError: a package that is not installed.
    """
    key = (limits.packages, limits.disposable_machine)
    with _lock:
        if key not in _launchers:
            _launchers[key] = _started(limits)
        return _launchers[key]


def refusal(limits: Limits) -> str:
    """Why no program is run on this machine, in one line with the way out; "" where it can be isolated."""
    try:
        launcher(limits)
    except (NoIsolation, ValueError) as error:
        return str(error)
    return ""


def start(
    program: str,
    limits: Limits,
    *,
    mode: str = "main",
    cpu_s: float = 0.0,
    stdin: str = "",
    channels: Sequence[int] = (),
) -> Jailed:
    """Start a program in a jail.

    Args:
        program: its text.
        limits: what it may use.
        mode: "main" to run it, "calls" to serve calls of it, "tests" to run tests that arrive on the first channel.
        cpu_s: CPU seconds of all that it does, where that is not `limits.cpu_s`.
        stdin: text of its standard input.
        channels: sockets that it is given.

    Returns:
        What runs.

    Raises:
        NoIsolation: as `launcher`.
        ValueError: as `launcher`.
        OSError: no launcher can be reached.
    """
    total_s = max(1, math.ceil(cpu_s or limits.cpu_s))
    bounds = {name: getattr(limits, name) for name in ("memory", "file", "disk", "processes", "cpu_s", "wall_s")}
    request = {"mode": mode, "message": MESSAGE, "process_cpu_s": total_s, "total_cpu_s": total_s + 1, **bounds}
    try:
        return launcher(limits).start(program, request, stdin=stdin, channels=channels)
    except OSError:
        close_all()  # it died: once more with another
        return launcher(limits).start(program, request, stdin=stdin, channels=channels)


def close_all() -> None:
    """End every launcher of this process."""
    with _lock:
        for each in _launchers.values():
            each.close()
        _launchers.clear()


atexit.register(close_all)


def explain(code: int, noise: bytes) -> str:
    """Why a program ended as it did, in one line; "" for exit code 0."""
    if code == 0:
        return ""
    if code == -signal.SIGXCPU:
        return CPU_OUT
    last = noise.decode("utf-8", "replace").strip().rsplit("\n", 1)[-1]
    return (last or (f"signal {-code}" if code < 0 else f"exit code {code}"))[:SHOWN]


def _started(limits: Limits) -> Launcher:
    if sys.platform != "linux":
        raise NoIsolation(
            f"programs are run on Linux only, this is {sys.platform}; grade.settings.code.sandbox_url names a sandbox elsewhere"
        )
    packages = package_paths(limits.packages)
    isolated = Launcher(packages, isolated=True)
    if not isolated.refusal:
        return isolated
    isolated.close()
    if not limits.disposable_machine:
        raise NoIsolation(
            f"programs cannot be isolated here ({isolated.refusal}); on a machine that may be lost `{SETTING}` runs them without"
        )
    return Launcher(packages, isolated=False)


def _filled(text: str) -> Any:
    """A file in memory that holds a text, at its beginning."""
    file = os.fdopen(os.memfd_create("assay-code"), "w+b")
    file.write(text.encode("utf-8", "replace"))
    file.seek(0)
    return file


def _readable(end: socket.socket, until: float) -> bool:
    poll = select.poll()
    poll.register(end, select.POLLIN)
    return bool(poll.poll(max(0, math.ceil((until - time.monotonic()) * 1000))))
