import json

import pytest

from assay.verifiers import _jail
from assay.verifiers._sandbox import Limits, _command, _reason, ask, run

LIMITS = Limits(cpu_s=2, wall_s=10, memory=1 << 29, file=1 << 16, processes=8, packages=False)


@pytest.mark.parametrize(
    ("code", "noise", "why"),
    [
        (0, b"a warning", ""),
        (_jail.CPU_OUT, b"", "CPU time is used up"),
        (_jail.CROWD, b"", "too many processes"),
        (1, b"Traceback\n  File\nValueError: \xff no\n", "ValueError: \ufffd no"),
        (3, b"", "exit code 3"),
    ],
)
def test_why_a_program_failed_is_one_line(code, noise, why):
    assert _reason(code, noise) == why


def test_cpu_time_is_whole_seconds_and_packages_are_switched_off_unless_asked_for():
    told = json.loads(_command("/tmp", LIMITS._replace(cpu_s=0.2))[-1])
    assert told["cpu_s"] == 1
    assert "-S" in _command("/tmp", LIMITS)
    assert "-S" not in _command("/tmp", LIMITS._replace(packages=True))


def test_a_program_reads_its_input_and_its_output_is_kept():
    assert run("print(input()[::-1])", "abc\n", LIMITS) == ("cba\n", "", False, False)


def test_nobody_behind_the_address_is_a_failure_of_the_sandbox():
    told = ask("http://127.0.0.1:9/run_code", "print(1)", "", LIMITS)
    assert told.failed
    assert told.why.startswith("sandbox: ")
