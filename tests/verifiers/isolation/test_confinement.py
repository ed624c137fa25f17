"""What a child gives up it does not have, and what it keeps it has."""

import ctypes
import fcntl
import mmap
import os
import pickle
import resource
import signal
import socket
import sys
import threading
import time

import pytest

from assay.verifiers.isolation import call_filter, confinement
from assay.verifiers.isolation.confinement import (
    Isolation,
    close_files,
    confine,
    enter_namespaces,
    landlock_version,
    set_limits,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the means are Linux's")
filtered = pytest.mark.skipif(
    os.uname().machine not in call_filter.MACHINES, reason="no numbers of system calls for this machine"
)
landlocked = pytest.mark.skipif(not landlock_version(), reason="a kernel without Landlock")


def in_child(act):
    """What an act returned or raised in a forked child."""
    end, start = os.pipe()
    child = os.fork()
    if not child:
        try:
            answer = act()
        except BaseException as error:  # noqa: BLE001  # its name is the answer
            answer = type(error).__name__
        os.write(start, pickle.dumps(answer))
        os._exit(0)
    os.close(start)
    with os.fdopen(end, "rb") as file:
        answer = pickle.loads(file.read())
    os.waitpid(child, 0)
    return answer


def confined(act, **rights):
    return in_child(lambda: (confine(**rights), act())[1])


def syscall(number, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments))
    return os.strerror(ctypes.get_errno())


def test_a_report_says_what_is_in_force():
    granted = in_child(confine)
    assert granted == Isolation(False, False, landlock_version(), os.uname().machine in call_filter.MACHINES)


@filtered
@pytest.mark.parametrize(
    ("act", "right"),
    [
        (lambda: socket.socket(socket.AF_UNIX).close(), "network"),
        (lambda: socket.socket().close(), "network"),
        (lambda: os.kill(os.getppid(), 0), "signals"),
        (lambda: os.utime("/tmp"), "metadata"),
        (lambda: os.chmod("/tmp", os.stat("/tmp").st_mode), "metadata"),
        (lambda: os.chown("/tmp", -1, -1), "metadata"),
        (lambda: os._exit(0) if not (child := os.fork()) else bool(os.waitpid(child, 0)) and None, "processes"),
        (lambda: os.posix_spawn("/bin/true", ["true"], {}) and None, "processes"),
    ],
)
def test_a_right_is_kept_only_where_it_is_named(act, right):
    writable = {"writable": ["/tmp"]}
    assert confined(act, **writable, network=True, signals=True, metadata=True) is None
    assert (
        confined(act, **{"network": True, "signals": True, "metadata": True, right: False}, **writable)
        == "PermissionError"
    )


@filtered
def test_other_programs_are_refused_where_they_are_not_allowed():
    assert confined(lambda: os.execv("/bin/true", ["true"]), programs=False) == "PermissionError"


@filtered
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of x86_64")
@pytest.mark.parametrize(
    "name",
    [
        "ptrace",
        "process_vm_readv",
        "mount",
        "unshare",
        "keyctl",
        "bpf",
        "io_uring_setup",
        "io_setup",
        "modify_ldt",
        "memfd_create",
        "vmsplice",
        "setns",
        "setpriority",
        "sched_setscheduler",
    ],
)
def test_calls_that_no_answer_needs_are_refused_whatever_is_allowed(name):
    tables = (
        call_filter.OTHER_PROCESSES,
        call_filter.MOUNTS,
        call_filter.KERNEL,
        call_filter.SHARED_MEMORY,
        call_filter.SCHEDULING,
    )
    number = next(table[name][0] for table in tables if name in table)
    assert (
        confined(lambda: syscall(number, 0, 0, 0), network=True, signals=True, metadata=True)
        == "Operation not permitted"
    )


@filtered
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of x86_64")
def test_namespaces_by_clone_and_limits_of_other_processes_are_refused():
    assert confined(lambda: syscall(56, call_filter.NEW_USER | 17, 0, 0, 0, 0)) == "Operation not permitted"
    assert confined(lambda: syscall(0x40000000 | 39)) == "Operation not permitted"  # x32
    assert confined(lambda: resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE)) == "PermissionError"
    assert confined(lambda: resource.prlimit(0, resource.RLIMIT_NOFILE)[0] > 0)


@filtered
@pytest.mark.parametrize(
    "act",
    [
        lambda: mmap.mmap(-1, 4096).close(),  # shared by default
        lambda: fcntl.fcntl(os.open(__file__, os.O_RDONLY), fcntl.F_SETLEASE, fcntl.F_RDLCK),
        lambda: fcntl.fcntl(os.open("/", os.O_RDONLY), fcntl.F_NOTIFY, fcntl.DN_ACCESS),
    ],
    ids=["memory that no count shows", "lease", "watch"],
)
def test_what_outlasts_a_count_or_holds_up_others_is_refused(act):
    assert confined(act) == "PermissionError"


@filtered
def test_the_limit_of_core_dumps_can_be_read_and_not_set():
    core, files = resource.RLIMIT_CORE, resource.RLIMIT_NOFILE
    assert confined(lambda: resource.getrlimit(core) == resource.prlimit(0, core)) is True
    assert confined(lambda: resource.prlimit(0, core, (0, 0))) == "PermissionError"
    assert confined(lambda: resource.setrlimit(core, (0, 0))) in ("PermissionError", "ValueError")
    assert confined(lambda: resource.setrlimit(files, resource.getrlimit(files))) is None


@filtered
def test_memory_of_its_own_and_shared_files_can_be_mapped(tmp_path):
    def act():
        mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)[0] = 1
        with open(tmp_path / "file", "w+b") as file:
            file.truncate(4096)
            mmap.mmap(file.fileno(), 0)[0] = 1
        return fcntl.fcntl(0, fcntl.F_GETFD) >= 0

    assert confined(act, writable=[str(tmp_path)]) is True


@filtered
def test_threads_socket_pairs_and_signals_to_oneself_still_work():
    def act():
        thread = threading.Thread(target=socket.socketpair)
        thread.start()
        thread.join()
        signal.signal(signal.SIGUSR1, lambda *_: None)
        os.kill(os.getpid(), signal.SIGUSR1)
        return "fine"

    assert confined(act, processes=False) == "fine"


@landlocked
def test_only_named_folders_are_written_and_only_named_ones_are_read(tmp_path):
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    inside, outside = tmp_path / "in", tmp_path / "out"
    assert confined(lambda: (inside / "new").write_text("x"), writable=[str(inside)]) == 1
    assert confined(lambda: (outside / "new").write_text("x"), writable=[str(inside)]) == "PermissionError"
    assert confined(lambda: (outside / "file").unlink(), writable=[str(inside)]) == "PermissionError"
    assert confined((outside / "file").read_text, writable=[str(inside)]) == "out"
    assert confined((outside / "file").read_text, readable=[str(inside)]) == "PermissionError"
    assert confined((inside / "file").read_text, readable=[str(inside / "file")]) == "in"
    assert confined(lambda: (inside / "file").write_text("x"), readable=[str(inside)]) == "PermissionError"
    assert sorted(path.name for path in outside.iterdir()) == ["file"]


@landlocked
def test_an_older_landlock_is_asked_only_for_what_it_knows(monkeypatch, tmp_path):
    for version in range(1, landlock_version() + 1):
        monkeypatch.setattr(confinement, "landlock_version", lambda version=version: version)
        assert in_child(lambda: confine(writable=[str(tmp_path)]).landlock) == version


@landlocked
@pytest.mark.skipif(landlock_version() < 6, reason="scopes came with version 6")
def test_landlock_alone_keeps_signals_in():
    def act():
        version = landlock_version()
        confinement.Confinement(
            version, confinement._make_ruleset(version, readable=None, writable=[], network=False, signals=False), ()
        ).apply()
        os.kill(os.getppid(), 0)

    assert in_child(act) == "PermissionError"


def test_without_any_means_nothing_is_claimed(monkeypatch):
    monkeypatch.setattr(confinement.sys, "platform", "darwin")
    assert confine() == Isolation()
    assert enter_namespaces(call_filter.NEW_USER) == "darwin has no namespaces"


def test_limits_can_be_lowered_and_not_raised_again():
    def act():
        set_limits({resource.RLIMIT_NOFILE: 20})
        set_limits({resource.RLIMIT_NOFILE: 30})
        return resource.getrlimit(resource.RLIMIT_NOFILE)

    assert in_child(act) == (20, 20)


def test_files_are_closed_but_those_named():
    def act():
        open_file, other = os.open("/dev/null", os.O_RDONLY), os.open("/dev/null", os.O_RDONLY)
        close_files([open_file])
        os.fstat(open_file)
        try:
            os.fstat(other)
        except OSError:
            return "closed"

    child = os.fork()  # the answer cannot travel through a pipe that is closed
    if not child:
        os._exit(7 if act() == "closed" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_refused_namespaces_are_reported_in_words():
    granted = in_child(lambda: enter_namespaces(call_filter.NEW_USER | call_filter.NEW_NETWORK))
    assert granted == "" or granted.startswith(("unshare: ", "/proc/self/"))
    began = time.monotonic()
    assert confined(lambda: enter_namespaces(call_filter.NEW_USER)).startswith(
        ("unshare: Operation not permitted", "linux has no")
    )
    assert time.monotonic() - began < 5
