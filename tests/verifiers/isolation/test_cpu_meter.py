import os
import subprocess
import sys
import time

import pytest

from assay.verifiers.isolation.cpu_meter import BUSY_FACTOR, CpuUsage, find_overrun, read_cpu_usage


@pytest.mark.parametrize(
    ("wall_s", "used", "kind"),
    [
        (0.9, CpuUsage(0.9, 0.0), ""),
        (1.0, CpuUsage(0.95, 0.0), "cpu"),
        (1.0, CpuUsage(0.0, 0.0), "idle"),
        (1.0, CpuUsage(0.5, 0.0), "idle"),  # it waited for half of its time
        (1.5, CpuUsage(0.6, 0.9), ""),  # it would have computed
        (3.0, CpuUsage(0.95, 2.0), "cpu"),
        (BUSY_FACTOR, CpuUsage(0.5, BUSY_FACTOR - 0.5), "load"),
    ],
)
def test_time_is_up_for_a_reason(wall_s, used, kind):
    assert find_overrun(1.0, wall_s, used) == kind


def test_another_process_is_measured():
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    before, end = read_cpu_usage(process.pid), time.monotonic() + 20
    while read_cpu_usage(process.pid).computed_s < before.computed_s + 0.05 and time.monotonic() < end:
        time.sleep(0.01)
    after = read_cpu_usage(process.pid)
    process.kill()
    process.wait()
    assert after.computed_s >= before.computed_s + 0.05


def test_a_process_that_is_gone_has_spent_nothing():
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    assert read_cpu_usage(child) == CpuUsage(0.0, 0.0)
