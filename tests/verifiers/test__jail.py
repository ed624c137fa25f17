import os
import sys

import pytest

from assay.verifiers import _jail
from assay.verifiers._sandbox import Limits, run

LIMITS = Limits(cpu_s=2, wall_s=10, memory=1 << 29, file=1 << 16, processes=8, packages=False)


def said(program):
    ran = run(program, "", LIMITS)
    assert not ran.why, ran.why
    return ran.output.split()


def test_the_program_runs_under_the_limits_that_were_given():
    names = ("RLIMIT_CPU", "RLIMIT_AS", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_CORE")
    told = said(f"import resource\nfor name in {names}: print(resource.getrlimit(getattr(resource, name))[0])")
    assert [int(each) for each in told] == [2, 1 << 29, 1 << 16, 64, 0]


def test_the_program_is_called_main_and_stands_in_its_folder():
    assert said("import os, sys\nprint(__name__, sys.argv[0], *os.listdir())") == ["__main__", "main.py", "main.py"]


@pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")
def test_the_census_counts_the_processes_of_a_namespace():
    home = os.readlink("/proc/self/ns/pid")
    before = _jail._census(home)
    child = os.fork()
    if not child:
        os.execv("/bin/sleep", ["sleep", "30"])
    try:
        assert before >= 1
        assert _jail._census(home) > 1
        assert _jail._census("pid:[0]") == 0
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
