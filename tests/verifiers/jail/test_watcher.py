"""What stands outside a program sees all that it starts."""

import os
import socket
import sys
import time

import pytest

from assay.verifiers.jail.watcher import ProcessTreeLimits, find_excess, kill_all, measure_usage, watch_child

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the folder /proc is Linux's")
WIDE = ProcessTreeLimits(processes=100, memory=1 << 40, cpu_s=1000.0)
FAMILY = "import os, time\nx = bytearray(os.urandom(1 << 20) * 30)\nos.fork()\ntime.sleep(60)"


@pytest.fixture
def processes():
    folder = os.open("/proc", os.O_RDONLY)
    yield folder
    os.close(folder)


def watching(program, act):
    """What an act, given the child, returns in a process whose only child runs a program."""
    end, begin = os.pipe()
    watcher = os.fork()
    if not watcher:
        child = os.posix_spawn(sys.executable, [sys.executable, "-I", "-S", "-c", program], {})
        try:
            os.write(begin, repr(act(child)).encode())
        finally:
            kill_all(os.open("/proc", os.O_RDONLY))
            os._exit(0)
    os.close(begin)
    with os.fdopen(end) as file:
        answer = file.read()
    os.waitpid(watcher, 0)
    return answer


def settled(processes, count):
    end = time.monotonic() + 20
    while (
        len(measure_usage(os.getpid(), processes).pids) < count
        or measure_usage(os.getpid(), processes).memory < 60 << 20
    ) and time.monotonic() < end:
        time.sleep(0.02)
    return measure_usage(os.getpid(), processes)


def test_descendants_are_counted_with_what_they_use(processes):
    def act(_):
        usage = settled(processes, 2)
        return len(usage.pids), 60 << 20 < usage.memory < 200 << 20, 0 < usage.cpu_s < 30

    assert watching(FAMILY, act) == "(2, True, True)"


def test_each_sum_has_its_word_and_shared_memory_counts_once(processes):
    def act(child):
        settled(processes, 2)
        tight = [
            ProcessTreeLimits(1, 1 << 40, 1e3),
            ProcessTreeLimits(9, 1 << 20, 1e3),
            ProcessTreeLimits(9, 1 << 40, 0.0),
            ProcessTreeLimits(9, 60 << 20, 1e3),
            WIDE,
        ]
        return [find_excess(child, limits, processes, {}) for limits in tight]

    assert watching(FAMILY, act) == str(["processes", "memory", "CPU time", "", ""])


def test_it_waits_for_the_end_and_kills_when_nobody_waits_any_more(processes):
    mine, theirs = socket.socketpair()
    assert watching("pass", lambda child: watch_child(child, theirs.fileno(), WIDE, processes=processes)) == "''"
    mine.close()
    assert (
        watching(
            "import time; time.sleep(60)", lambda child: watch_child(child, theirs.fileno(), WIDE, processes=processes)
        )
        == "'stopped'"
    )
    theirs.close()


def test_none_is_left_after_all_were_killed(processes):
    def act(_):
        settled(processes, 2)
        kill_all(processes)
        return measure_usage(os.getpid(), processes).pids

    assert watching(FAMILY, act) == "()"


LEADERLESS = """
import ctypes, os, threading, time
def grow():
    time.sleep(0.1)
    x = bytearray(os.urandom(1 << 20) * 60)
    time.sleep(60)
threading.Thread(target=grow).start()
ctypes.CDLL(None).syscall(60 if os.uname().machine == "x86_64" else 93, 0)
"""
BURIED = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
while True:
    if os.fork() == 0:
        while time.process_time() < 0.2: pass
        os._exit(0)
    try: os.wait()
    except OSError: pass
"""


def test_a_process_whose_first_thread_has_ended_counts_with_the_memory_of_the_others(processes):
    def act(child):
        usage = settled(processes, 1)
        return (
            usage.pids == (child,),
            usage.memory >= 60 << 20,
            find_excess(child, ProcessTreeLimits(9, 50 << 20, 1e3), processes, {}),
        )

    assert watching(LEADERLESS, act) == "(True, True, 'memory')"


def test_cpu_time_of_children_that_nobody_waits_for_is_not_forgotten(processes):
    mine, theirs = socket.socketpair()
    limits = ProcessTreeLimits(processes=100, memory=1 << 40, cpu_s=0.7)
    assert (
        watching(BURIED, lambda child: watch_child(child, theirs.fileno(), limits, processes=processes)) == "'CPU time'"
    )
    mine.close()
    theirs.close()
