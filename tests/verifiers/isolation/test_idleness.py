"""Idle waits are told from waits for the machine."""

import os
import sys
import threading
import time

import pytest

from assay.verifiers.isolation import idleness
from assay.verifiers.isolation.idleness import IdleTracker, RecentUsage, read_busy_s

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the folder /proc is Linux's")


@pytest.fixture
def processes():
    folder = os.open("/proc", os.O_RDONLY)
    yield folder
    os.close(folder)


@pytest.fixture
def usage_after(monkeypatch):
    """The recent usage after samples of (moment, CPU seconds, busy seconds by thread)."""

    def usage_after(window_s, *samples):
        clock = iter([0.0, *(moment for moment, _, _ in samples)])
        monkeypatch.setattr(idleness.time, "monotonic", lambda: next(clock))
        tracker = IdleTracker(window_s)
        for _, computed_s, threads in samples:
            monkeypatch.setattr(idleness, "read_busy_s", lambda pids, processes, threads=threads: threads)
            tracker.sample([1], computed_s, -1)
        return tracker.recent_usage()

    return usage_after


def test_what_neither_computes_nor_waits_for_a_core_is_idle(usage_after):
    assert usage_after(10, (10.0, 1.0, {"1/1": 3.0})) == RecentUsage(7.0, 1.0, 10.0)


def test_the_busiest_thread_counts_and_not_the_sum(usage_after):
    assert usage_after(10, (10.0, 4.0, {"1/1": 3.0, "1/2": 4.0, "2/2": 4.0})) == RecentUsage(6.0, 4.0, 10.0)


def test_only_the_last_seconds_count(usage_after):
    samples = [(float(second), 1.0 * min(second, 20), {"1/1": 1.0 * min(second, 20)}) for second in range(1, 31)]
    assert usage_after(10, *samples) == RecentUsage(10.0, 0.0, 10.0)
    assert usage_after(15, *samples) == RecentUsage(10.0, 5.0, 15.0)


def test_a_thread_that_began_later_counts_from_nothing(usage_after):
    assert usage_after(10, (5.0, 0.0, {"1/1": 0.0}), (15.0, 2.0, {"1/1": 0.0, "1/2": 2.0})) == RecentUsage(
        8.0, 2.0, 10.0
    )


def test_a_kernel_that_tells_nothing_leaves_no_idle_wait(usage_after):
    assert usage_after(10, (10.0, 1.0, {})) == RecentUsage(0.0, 1.0, 10.0)


def test_a_thread_that_computes_is_busy_and_one_that_sleeps_is_not(processes):
    ready, over = threading.Event(), threading.Event()

    def sleeps():
        ready.set()
        over.wait()

    sleeper = threading.Thread(target=sleeps)
    sleeper.start()
    ready.wait()
    before, began = read_busy_s([os.getpid()], processes), time.thread_time()
    while time.thread_time() - began < 0.1:
        pass
    after = read_busy_s([os.getpid()], processes)
    over.set()
    sleeper.join()
    me, other = f"{os.getpid()}/{threading.get_native_id()}", f"{os.getpid()}/{sleeper.native_id}"
    assert after[me] - before[me] >= 0.08
    assert after[other] - before[other] < 0.08


def test_processes_that_have_gone_are_left_out(processes):
    assert read_busy_s([1 << 30], processes) == {}
