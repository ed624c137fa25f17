"""Inside the jail: a process that has seen no program starts others, each of which runs one program behind limits.

    launcher --fork--> guard --fork--> init --fork--> program
                        |               first process of its namespaces: all that the program starts ends with it
                        bounds the sum of what runs, and reports how it ended

The launcher lives as long as its grader. With isolation it has a root of its own (`root`) from its start. Without, on a
machine that may be lost, a program runs in a folder of the temporary folder, and only Landlock and the filter of system
calls protect the rest. Settings and files arrive over a socket, so that they appear in no command line; only the
program's own process reads its text. Standard library only.
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

from assay.verifiers.isolation.call_filter import NEW_IPC, NEW_MOUNTS, NEW_NAMES, NEW_NETWORK, NEW_PROCESSES, NEW_USER
from assay.verifiers.isolation.confinement import (
    Isolation,
    can_filter_calls,
    close_files,
    confine,
    drop_capabilities,
    enter_namespaces,
    landlock_version,
    set_limits,
)
from assay.verifiers.isolation.idleness import IdleTracker
from assay.verifiers.jail import program_side, tests_side
from assay.verifiers.jail.framing import Channel
from assay.verifiers.jail.root import PACKAGES, WORK, enter_root, mount_folder
from assay.verifiers.jail.watcher import ProcessTreeLimits, kill_all, watch_child

DIE_WITH_PARENT, REAPER = 1, 36  # prctl
MAX_FILES = 10_000  # and folders, that a program may make
MAX_SIGNALS = 256  # pending signals and timers, which count for the user outside too
STARTED_LINE = "started"
# of each program: with a user of its own, the kernel counts its processes apart from those of others
OWN_NAMESPACES = NEW_USER | NEW_PROCESSES | NEW_NETWORK | NEW_IPC | NEW_MOUNTS | NEW_NAMES


def main() -> None:
    """Serve requests that arrive on standard input; returns only in the process of a program, once that has ended."""
    control_socket = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    setup = json.loads(control_socket.recv(1 << 20))
    processes = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    refusal = "" if setup["open"] else enter_root(setup["packages"]) or _try_namespaces(processes)
    isolated = not setup["open"]
    granted = Isolation(isolated, isolated, landlock_version(), can_filter_calls())
    control_socket.send(json.dumps({"refusal": refusal, **asdict(granted)}).encode())
    if refusal:
        return
    site.setquit()  # defines exit() and quit(), which programs call
    sys.path += [PACKAGES] if setup["packages"] and isolated else list(setup["packages"].values())
    gc.collect()
    gc.freeze()  # a collection in a program's process would copy every page of what was imported
    request = _serve_requests(control_socket, processes, isolated)
    if request is not None:
        _run_program(request)


def _serve_requests(control_socket: socket.socket, processes: int, isolated: bool) -> dict[str, Any] | None:
    """Fork a guard for each request; returns in a program's process, and with None once nobody can ask any more."""
    while True:
        message, files, _, _ = socket.recv_fds(control_socket, 1 << 16, 8)
        if not message:
            return None
        if os.fork() == 0:
            request = json.loads(message)
            _run_guard(request, files, processes, isolated)
            return request  # type: ignore[no-any-return]
        for file in files:
            os.close(file)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _try_namespaces(processes: int) -> str:
    """Return why no program can have namespaces of its own; "" where it can."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.write(writer, enter_namespaces(OWN_NAMESPACES, processes=processes).encode())
        os._exit(0)
    os.close(writer)
    os.wait()
    with os.fdopen(reader, encoding="utf-8") as file:
        return file.read()


def _run_guard(request: dict[str, Any], files: list[int], processes: int, isolated: bool) -> None:
    """Make a place for a program, start it, and report how it ended; returns in the program's process only."""
    report, *program_files = files
    close_files([0, 1, 2, report, processes, *program_files])
    folder = ""
    try:
        folder = request["folder"] = _make_place(request, processes, isolated)
        result_reader, result_writer = os.pipe()
        child = os.fork()
    except OSError as error:
        _report_and_exit(
            report, {"setup": f"{error.filename2 or error.filename or 'sandbox'}: {error.strerror}"}, folder, isolated
        )
    if child == 0:
        _run_init(request, program_files, result_writer, isolated)
        return
    close_files([0, 1, 2, report, processes, result_reader])
    limits = ProcessTreeLimits(request["processes"] + 1, request["memory"], request["total_cpu_s"])
    idle_tracker = IdleTracker(request["wall_s"])
    stopped = watch_child(child, report, limits, processes=processes, idle_tracker=idle_tracker)
    os.waitpid(child, 0)
    if not isolated:
        kill_all(processes)
    with os.fdopen(result_reader, encoding="utf-8", errors="replace") as file:
        first_line, _, code = file.read().partition("\n")
    outcome = {
        "setup": "" if first_line == STARTED_LINE else first_line or "it did not start",
        "code": int(code or -signal.SIGKILL),
        "stopped": stopped,
    }
    outcome["recent_usage"] = idle_tracker.recent_usage()
    _report_and_exit(report, outcome, folder, isolated)


def _make_place(request: dict[str, Any], processes: int, isolated: bool) -> str:
    if isolated:
        if refusal := enter_namespaces(OWN_NAMESPACES, processes=processes):
            raise OSError(0, refusal)
        socket.sethostname("program")
        mount_folder(WORK, size=request["disk"], files=MAX_FILES)
        return WORK
    ctypes.CDLL(None).prctl(REAPER, 1, 0, 0, 0)
    return tempfile.mkdtemp(prefix="assay-code-")


def _run_init(request: dict[str, Any], program_files: Sequence[int], result_writer: int, isolated: bool) -> None:
    """Be the first process of the namespaces: wait for the program, and report how it ended.

    Returns in the program's process only.
    """
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
    close_files([0, 1, 2, result_writer, *program_files])
    os.setsid()
    os.nice(1)  # the watching process comes first, whatever the program starts
    child = os.fork()
    if child == 0:
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
        try:
            _confine_program(request, program_files, isolated)
        except OSError as error:
            os.write(result_writer, f"{error.filename2 or error.filename or 'sandbox'}: {error.strerror}".encode())
            os._exit(1)
        os.write(result_writer, f"{STARTED_LINE}\n".encode())
        os.close(result_writer)
        return
    close_files([result_writer])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ended_pid = 0
    while ended_pid != child:
        ended_pid, status, usage = os.wait4(-1, 0)
    code, half_cpu_s = os.waitstatus_to_exitcode(status), request["process_cpu_s"] / 2
    used_up = code in (-signal.SIGXCPU, -signal.SIGKILL) and usage.ru_utime + usage.ru_stime >= half_cpu_s
    os.write(result_writer, str(-signal.SIGXCPU if used_up else code).encode())
    os._exit(0)


def _confine_program(request: dict[str, Any], program_files: Sequence[int], isolated: bool) -> None:
    """Give up everything that the program may not do."""
    folder = request["folder"]
    program_text, stdin, stdout, stderr, *channels = program_files
    with os.fdopen(program_text, encoding="utf-8", errors="replace") as file:
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
        resource.RLIMIT_CORE: 1,  # bytes: 0 does not limit a core dump that is piped to a program
    }
    if isolated:  # otherwise they would count all that the user runs
        limits |= {resource.RLIMIT_NPROC: 2 * request["processes"] + 8, resource.RLIMIT_SIGPENDING: MAX_SIGNALS}
    set_limits(limits)
    confine(writable=[folder, "/dev/null"], signals=isolated, metadata=isolated)


def _run_program(request: dict[str, Any]) -> None:
    """Run the program, or serve calls of it, or run tests."""
    sys.stdin = open(0, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]
    sys.path.insert(0, request["folder"])
    sys.argv = ["main.py"]
    channels, max_answer_bytes = (
        [Channel(number, max_bytes=request["message"]) for number in request["channels"]],
        request["file"],
    )
    if request["mode"] == "calls":
        program_side.ProgramServer(channels[0], request["cpu_s"], max_answer_bytes).run(request["program"])
    elif request["mode"] == "tests":
        tests_side.serve(channels[0], tests_side.RemoteProgram(channels[1]))
    else:
        with open("main.py", "w", encoding="utf-8") as file:
            file.write(request.pop("program"))
        runpy.run_path("main.py", run_name="__main__")


def _report_and_exit(report: int, outcome: dict[str, Any], folder: str, isolated: bool) -> NoReturn:
    """Report how a program ended, and remove what it has left."""
    with contextlib.suppress(OSError):
        os.write(report, json.dumps(outcome).encode())
    os.close(report)
    if folder and not isolated:
        os.chmod(folder, 0o700)
        remove_folder(folder)
    os._exit(0)


def remove_folder(folder: str) -> None:
    """Remove a folder and all that is in it, however deep; nothing that runs may change it any more."""
    open_folder, path = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW), list[str]()
    folders_left = [_remove_files(open_folder)]
    while folders_left:
        if folders_left[-1]:
            path.append(folders_left[-1].pop())
            os.chmod(path[-1], 0o700, dir_fd=open_folder)
            open_folder = _enter_folder(open_folder, path[-1])
            folders_left.append(_remove_files(open_folder))
            continue
        folders_left.pop()
        if path:
            open_folder = _enter_folder(open_folder, "..")
            os.rmdir(path.pop(), dir_fd=open_folder)
    os.close(open_folder)
    os.rmdir(folder)


def _remove_files(folder: int) -> list[str]:
    """Remove the files of an open folder; return the names of the folders in it."""
    with os.scandir(folder) as entries:
        names = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in names:
        if not is_folder:
            os.unlink(name, dir_fd=folder)
    return [name for name, is_folder in names if is_folder]


def _enter_folder(folder: int, name: str) -> int:
    """Open a folder relative to another one, which is closed."""
    next_folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
    os.close(folder)
    return next_folder
