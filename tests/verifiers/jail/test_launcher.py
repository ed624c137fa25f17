"""Launchers: what they start, what they refuse, and what a disposable machine changes."""

# ruff: noqa: E501  # a program is one line of a table

import ctypes
import os
import pickle
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from assay.verifiers.code.runner import run_tests
from assay.verifiers.code.tests import AssertTest, CallTest, StdinTest
from assay.verifiers.code.verifier import Code
from assay.verifiers.jail import launcher as launcher_module
from assay.verifiers.jail.launcher import (
    CPU_LIMIT_REASON,
    SETTING,
    IsolationUnavailable,
    Limits,
    close_all,
    explain_exit,
    explain_refusal,
    get_launcher,
    start_program,
)
from assay.verifiers.jail.watcher import measure_usage

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="programs are run on Linux only")
LIMITS = Limits(cpu_s=1, wall_s=10, memory=256 << 20, file=1 << 20, disk=4 << 20, processes=6)
OPEN = replace(LIMITS, disposable_machine=True)
isolated = pytest.mark.skipif(bool(explain_refusal(LIMITS)), reason="no isolation here")


def run(program, limits=LIMITS, stdin=""):
    with start_program(program, limits, stdin=stdin) as jailed:
        ending = jailed.wait(time.monotonic() + limits.wall_s, limits.wall_s)
        return ending.reason, jailed.output(1 << 20)


def without_namespaces(act):
    """What an act returns in a process that may make no namespaces: one whose user has no name in its own, as in a locked container."""
    end, begin = os.pipe()
    child = os.fork()
    if not child:
        launcher_module._launchers.clear()
        answer = "unshare" if ctypes.CDLL(None).unshare(0x10000000) else act()
        os.write(begin, pickle.dumps(answer))
        close_all()
        os._exit(0)
    os.close(begin)
    with os.fdopen(end, "rb") as file:
        answer = pickle.loads(file.read())
    os.waitpid(child, 0)
    return answer


@isolated
def test_a_program_stands_in_its_folder_with_nothing_but_its_name():
    program = "import os, sys\nprint(__name__, sys.argv, os.listdir(), os.getcwd(), input(), os.getpid())\nexit()"
    assert run(program, stdin="abc\n") == ("", "__main__ ['main.py'] ['main.py'] /program abc 2\n")


@isolated
def test_the_limits_are_those_given():
    names = (
        "RLIMIT_CPU",
        "RLIMIT_AS",
        "RLIMIT_FSIZE",
        "RLIMIT_NOFILE",
        "RLIMIT_CORE",
        "RLIMIT_NPROC",
        "RLIMIT_SIGPENDING",
    )
    program = f"import resource\nprint([resource.getrlimit(getattr(resource, name))[0] for name in {names}])"
    assert run(program) == ("", f"{[1, 256 << 20, 1 << 20, 64, 1, 20, 256]}\n")


@isolated
def test_the_file_system_is_small_read_only_and_ends_with_the_program():
    program = "import os\nopen('a', 'w').write('x')\nprint(sorted(os.listdir('/')), os.path.exists('/proc'), os.path.exists('/etc/passwd'))\nos.statvfs('.')"
    for _ in range(2):
        reason, output = run(program)
        assert reason == ""
        assert set(eval(output.split("]")[0] + "]")) <= {
            "bin",
            "dev",
            "etc",
            "lib",
            "lib64",
            "nix",
            "opt",
            "packages",
            "root",
            "home",
            "tmp",
            "usr",
            "program",
        }
        assert output.endswith("False False\n")


@isolated
def test_packages_are_those_named_and_what_they_require():
    assert run("import sortedcontainers")[0] == "ModuleNotFoundError: No module named 'sortedcontainers'"
    name = "pluggy"
    limits = replace(LIMITS, packages=(name,))
    assert run(f"import {name}; print({name}.__file__)", limits) == ("", f"/packages/{name}/__init__.py\n")
    assert run("import pytest", limits)[0] == "ModuleNotFoundError: No module named 'pytest'"
    assert "'no-such-thing' is not installed" in explain_refusal(replace(LIMITS, packages=("no-such-thing",)))


@isolated
def test_one_launcher_serves_all_and_is_replaced_when_it_has_died():
    assert get_launcher(LIMITS) is get_launcher(replace(LIMITS, cpu_s=3))
    before = get_launcher(LIMITS)
    before.process.kill()
    before.process.wait()
    assert run("print(1)") == ("", "1\n")
    assert get_launcher(LIMITS) is not before


@isolated
def test_a_launcher_is_shared_with_forked_processes_and_outlives_them():
    pid = get_launcher(LIMITS).process.pid
    child = os.fork()
    if not child:
        os._exit(7 if get_launcher(LIMITS).process.pid == pid and run("print(1)") == ("", "1\n") else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert run("print(2)") == ("", "2\n")


@isolated
def test_each_program_has_users_of_its_own():
    """How many processes a user may have is counted for each user namespace: one that they share is one that a fork bomb fills for all."""
    jails = [start_program("import time\nprint(1, flush=True)\ntime.sleep(60)", LIMITS) for _ in range(2)]
    try:
        end = time.monotonic() + 10
        while not all(jailed.output(9) for jailed in jails) and time.monotonic() < end:
            time.sleep(0.01)
        parent = get_launcher(LIMITS).process.pid
        processes = os.open("/proc", os.O_RDONLY)
        users = {os.readlink(f"/proc/{pid}/ns/user") for pid in measure_usage(parent, processes).pids}
        os.close(processes)
        assert len(users - {os.readlink(f"/proc/{parent}/ns/user"), os.readlink("/proc/self/ns/user")}) == len(jails)
    finally:
        for jailed in jails:
            jailed.close()


@isolated
@pytest.mark.skipif(os.getuid() == 0, reason="the kernel lets root have as many processes as it likes")
def test_programs_beside_each_other_may_all_have_their_threads():
    program = "import threading, time\nfor _ in range(4): threading.Thread(target=time.sleep, args=[2]).start()\ntime.sleep(2)"
    jails = [start_program(program, LIMITS) for _ in range(12)]
    endings = [jailed.wait(time.monotonic() + 30, 30) for jailed in jails]
    for jailed in jails:
        jailed.close()
    assert [ending.reason for ending in endings] == [""] * 12


@isolated
@pytest.mark.service
def test_a_launcher_and_its_programs_end_with_the_process_that_asked():
    code = (
        "import os, signal\nfrom assay.verifiers.jail.launcher import *\n"
        "start_program('import time; time.sleep(60)', Limits(1, 9, 1 << 28, 1 << 20, 1 << 20, 4))\nprint(get_launcher(Limits(1, 9, 1, 1, 1, 4)).process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": launcher_module.ROOT},
        check=False,
    )
    group, end = int(ended.stdout), time.monotonic() + 10
    while (rest := members(group)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not rest


def members(session):
    """Processes of a session that have not ended."""
    return [
        row
        for row in os.popen("ps -eo pid,sid,stat").read().splitlines()[1:]
        if int(row.split()[1]) == session and "Z" not in row
    ]


def test_where_there_is_no_isolation_one_line_names_the_one_setting():
    why = without_namespaces(lambda: Code().refusal())
    assert why.startswith("programs cannot be isolated here (unshare: ")
    assert SETTING in why
    assert "\n" not in why
    result = without_namespaces(lambda: run_tests("print(1)", [StdinTest("", "1")], LIMITS))
    assert [tuple(unit_result) for unit_result in result] == [("fault", why)]


def test_another_system_is_refused_in_one_line(monkeypatch):
    monkeypatch.setattr(launcher_module.sys, "platform", "darwin")
    monkeypatch.setattr(launcher_module, "_launchers", {})
    with pytest.raises(IsolationUnavailable, match="on Linux, found darwin"):
        get_launcher(OPEN)


@pytest.mark.service
def test_a_disposable_machine_runs_them_without_and_keeps_what_limits_there_are(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "victim").write_text("here")
    add = "def add(a, b): return a + b\nprint(3)"
    tests = [StdinTest("", "3"), CallTest("add", (1, 2), 3), AssertTest("assert add(1, 2) == 3")]
    assert without_namespaces(lambda: [item.status for item in run_tests(add, tests, OPEN)]) == ["passed"] * 3
    harm = f"import os\nfor act in (lambda: os.remove({str(tmp_path / 'victim')!r}), lambda: os.chmod('/', 511), lambda: __import__('socket').socket()):\n    try: act()\n    except OSError: print('no')"
    assert without_namespaces(lambda: run(harm, OPEN)) == ("", "no\nno\nno\n")
    deep = "import os\nfor _ in range(2000):\n    os.mkdir('d'); os.chdir('d')\nopen('f', 'w')"
    assert without_namespaces(lambda: run(deep, OPEN)) == ("", "")
    daemon = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(60)\n    os._exit(0)\nprint(os.getpid())"
    assert without_namespaces(lambda: run(daemon, OPEN))[0] == ""
    end = time.monotonic() + 60  # a folder is removed behind the report
    while len(list(tmp_path.iterdir())) > 1 and time.monotonic() < end:
        time.sleep(0.05)
    assert [item.name for item in tmp_path.iterdir()] == ["victim"]


@pytest.mark.parametrize(
    ("code", "noise", "reason"),
    [
        (0, b"a warning", ""),
        (-signal.SIGXCPU, b"", CPU_LIMIT_REASON),
        (1, b"Traceback\n  File\nValueError: \xff no\n", "ValueError: \ufffd no"),
        (3, b"", "exit code 3"),
        (-11, b"", "signal 11"),
    ],
)
def test_why_a_program_failed_is_one_line(code, noise, reason):
    assert explain_exit(code, noise) == reason
