"""The jail: a process that has seen no program starts others that each run one behind limits. Standard library only.

    launcher --fork--> guard --fork--> init --fork--> program
                        |               first process of its namespaces: all that the program starts ends with it
                        bounds the sum of what runs, and says how it ended

The launcher lives as long as its grader. With isolation it stands in the root of its own (`_root`) from its start; without, on a machine
that may be lost, a program runs in a folder of the temporary folder, and Landlock and the filter of calls are what remains. Settings and
files arrive over a socket, so that no command line holds them; the program's text is read by its own process alone.
"""

import contextlib
import ctypes
import gc
import json
import os
import resource
import runpy
import signal
import site
import socket
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NoReturn

from assay.verifiers.isolation.confinement import (
    NEW_IPC,
    NEW_MOUNTS,
    NEW_NAMES,
    NEW_NETWORK,
    NEW_PROCESSES,
    NEW_USER,
    Isolation,
    can_filter_calls,
    close_files,
    confine,
    drop_capabilities,
    enter_namespaces,
    landlock_version,
    limit,
)
from assay.verifiers.isolation.idleness import Idleness
from assay.verifiers.jail import program_side, tests_side
from assay.verifiers.jail.framing import Channel
from assay.verifiers.jail.root import PACKAGES, WORK, enter_root, mount_folder
from assay.verifiers.jail.watcher import Bounds, kill_all, watch

DIE_WITH_PARENT, REAPER = 1, 36  # prctl
FILES = 10_000  # and folders that a program may make
SIGNALS = 256  # that wait to be taken, and timers: what waits counts for the user outside, too
STARTED = "started"
OWN = (
    NEW_USER | NEW_PROCESSES | NEW_NETWORK | NEW_IPC | NEW_MOUNTS | NEW_NAMES
)  # namespaces of each program: its user's counts are its own, too


def main() -> None:
    """Serve requests that arrive on standard input; returns only in the process of a program, when that has ended."""
    control = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    setup = json.loads(control.recv(1 << 20))
    processes = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    refusal = "" if setup["open"] else enter_root(setup["packages"]) or _rehearse(processes)
    isolated = not setup["open"]
    granted = Isolation(isolated, isolated, landlock_version(), can_filter_calls())
    control.send(json.dumps({"refusal": refusal, **asdict(granted)}).encode())
    if refusal:
        return
    site.setquit()  # exit() and quit(), which programs call
    sys.path += [PACKAGES] if setup["packages"] and isolated else list(setup["packages"].values())
    gc.collect()
    gc.freeze()  # a collection in a program's process would copy every page of what was imported
    request = _serve(control, processes, isolated)
    if request is not None:
        _execute(request)


def _serve(control: socket.socket, processes: int, isolated: bool) -> dict[str, Any] | None:
    """Fork a guard for each request; returns in a program's process, and with None when nobody asks any more."""
    while True:
        message, files, _, _ = socket.recv_fds(control, 1 << 16, 8)
        if not message:
            return None
        if os.fork() == 0:
            request = json.loads(message)
            _guard(request, files, processes, isolated)
            return request  # type: ignore[no-any-return]
        for file in files:
            os.close(file)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _rehearse(processes: int) -> str:
    """Why no program can have namespaces of its own, "" where it can."""
    ear, mouth = os.pipe()
    if os.fork() == 0:
        os.write(mouth, enter_namespaces(OWN, processes=processes).encode())
        os._exit(0)
    os.close(mouth)
    os.wait()
    with os.fdopen(ear, encoding="utf-8") as file:
        return file.read()


def _guard(request: dict[str, Any], files: list[int], processes: int, isolated: bool) -> None:
    """Make a place for the program, start it, and report how it ended; returns in the program's process alone."""
    report, *given = files
    close_files([0, 1, 2, report, processes, *given])
    folder = ""
    try:
        folder = request["folder"] = _place(request, processes, isolated)
        ear, mouth = os.pipe()
        child = os.fork()
    except OSError as error:
        _finish(report, {"setup": f"{error.filename2 or error.filename or 'jail'}: {error.strerror}"}, folder, isolated)
    if child == 0:
        _init(request, given, mouth, isolated)
        return
    close_files([0, 1, 2, report, processes, ear])
    bounds = Bounds(request["processes"] + 1, request["memory"], request["total_cpu_s"])
    idleness = Idleness(request["wall_s"])
    stopped = watch(child, report, bounds, processes=processes, idleness=idleness)
    os.waitpid(child, 0)
    if not isolated:
        kill_all(processes)
    with os.fdopen(ear, encoding="utf-8", errors="replace") as file:
        first, _, code = file.read().partition("\n")
    outcome = {
        "setup": "" if first == STARTED else first or "it did not start",
        "code": int(code or -signal.SIGKILL),
        "stopped": stopped,
    }
    outcome["spending"] = idleness.spending()
    _finish(report, outcome, folder, isolated)


def _place(request: dict[str, Any], processes: int, isolated: bool) -> str:
    if isolated:
        if refusal := enter_namespaces(OWN, processes=processes):
            raise OSError(0, refusal)
        socket.sethostname("program")
        mount_folder(WORK, size=request["disk"], files=FILES)
        return WORK
    ctypes.CDLL(None).prctl(REAPER, 1, 0, 0, 0)
    return tempfile.mkdtemp(prefix="assay-code-")


def _init(request: dict[str, Any], given: Sequence[int], mouth: int, isolated: bool) -> None:
    """The first process of the namespaces: it waits for the program and says how that ended; returns in the program's process alone."""
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
    close_files([0, 1, 2, mouth, *given])
    os.setsid()
    os.nice(1)  # the one who watches comes first, whatever the program starts
    child = os.fork()
    if child == 0:
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
        try:
            _close_in(request, given, isolated)
        except OSError as error:
            os.write(mouth, f"{error.filename2 or error.filename or 'jail'}: {error.strerror}".encode())
            os._exit(1)
        os.write(mouth, f"{STARTED}\n".encode())
        os.close(mouth)
        return
    close_files([mouth])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ended = 0
    while ended != child:
        ended, status, used = os.wait4(-1, 0)
    code, half = os.waitstatus_to_exitcode(status), request["process_cpu_s"] / 2
    spent = code in (-signal.SIGXCPU, -signal.SIGKILL) and used.ru_utime + used.ru_stime >= half
    os.write(mouth, str(-signal.SIGXCPU if spent else code).encode())
    os._exit(0)


def _close_in(request: dict[str, Any], given: Sequence[int], isolated: bool) -> None:
    """Everything that the program may not do is given up here."""
    folder = request["folder"]
    text, stdin, stdout, stderr, *channels = given
    with os.fdopen(text, encoding="utf-8", errors="replace") as file:
        request["program"] = file.read()
    for number, file_number in enumerate((stdin, stdout, stderr)):
        os.dup2(file_number, number, inheritable=True)
        os.close(file_number)
    request["channels"] = channels
    os.chdir(folder)
    os.environ.update(HOME=folder, TMPDIR=folder)
    if isolated:
        drop_capabilities()
    limits = {
        resource.RLIMIT_CPU: request["process_cpu_s"],
        resource.RLIMIT_AS: request["memory"],
        resource.RLIMIT_FSIZE: request["file"],
        resource.RLIMIT_NOFILE: 64,
        resource.RLIMIT_CORE: 1,  # a byte: none in a file, and none through a pipe, for which 0 is no limit
    }
    if isolated:  # else they count for all that the user runs
        limits |= {resource.RLIMIT_NPROC: 2 * request["processes"] + 8, resource.RLIMIT_SIGPENDING: SIGNALS}
    limit(limits)
    confine(writable=[folder, "/dev/null"], signals=isolated, metadata=isolated)


def _execute(request: dict[str, Any]) -> None:
    """Run the program, or serve calls of it, or the tests."""
    sys.stdin = open(0, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]
    sys.path.insert(0, request["folder"])
    sys.argv = ["main.py"]
    channels, most = [Channel(number, most=request["message"]) for number in request["channels"]], request["file"]
    if request["mode"] == "calls":
        program_side.ProgramServer(channels[0], request["cpu_s"], most).run(request["program"])
    elif request["mode"] == "tests":
        tests_side.serve(channels[0], tests_side.Program(channels[1]))
    else:
        with open("main.py", "w", encoding="utf-8") as file:
            file.write(request.pop("program"))
        runpy.run_path("main.py", run_name="__main__")


def _finish(report: int, outcome: dict[str, Any], folder: str, isolated: bool) -> NoReturn:
    """Report, and remove what a program has left."""
    with contextlib.suppress(OSError):
        os.write(report, json.dumps(outcome).encode())
    os.close(report)
    if folder and not isolated:
        os.chmod(folder, 0o700)
        remove(folder)
    os._exit(0)


def remove(folder: str) -> None:
    """Remove a folder and all that is in it, however deep, when nothing that runs can change it any more."""
    here, path = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW), list[str]()
    waiting = [_emptied(here)]
    while waiting:
        if waiting[-1]:
            path.append(waiting[-1].pop())
            os.chmod(path[-1], 0o700, dir_fd=here)
            here = _moved(here, path[-1])
            waiting.append(_emptied(here))
            continue
        waiting.pop()
        if path:
            here = _moved(here, "..")
            os.rmdir(path.pop(), dir_fd=here)
    os.close(here)
    os.rmdir(folder)


def _emptied(here: int) -> list[str]:
    """Remove the files of an open folder; the names of the folders in it."""
    with os.scandir(here) as entries:
        names = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in names:
        if not is_folder:
            os.unlink(name, dir_fd=here)
    return [name for name, is_folder in names if is_folder]


def _moved(here: int, name: str) -> int:
    """An open folder next to another, which is closed."""
    there = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
    os.close(here)
    return there
