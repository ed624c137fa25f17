"""Programs that would rather pass, read, win or destroy than solve: none does, and none costs more than its limits."""

# ruff: noqa: E501  # a program is one line of a table

import json
import os
import socket
import threading
import time

import pytest

from assay.verifiers.code.runner import run_tests
from assay.verifiers.code.tests import AssertTest, CallTest, StdinTest
from assay.verifiers.jail.launcher import ROOT, Limits, _launchers, explain_refusal, start_program

LIMITS = Limits(cpu_s=1, wall_s=4, memory=256 << 20, file=1 << 20, disk=4 << 20, processes=6)
ISOLATED = not explain_refusal(LIMITS)
pytestmark = pytest.mark.skipif(not ISOLATED, reason=f"no isolation here: {explain_refusal(LIMITS)}")

CHECK = "def check(candidate):\n    for a, b, c in [(1, 2, 3), (5, 7, 12)]:\n        assert candidate(a, b) == c\ncheck(add)"
TESTS = {
    "stdin": [StdinTest("1 2\n", "3\n"), StdinTest("5 7", "12")],
    "calls": [CallTest("add", (1, 2), 3), CallTest("add", (5, 7), 12)],
    "asserts": [AssertTest("assert add(1, 2) == 3"), AssertTest("assert abs(add(5, 7) - 12) < 1e-6")],
    "check": [
        AssertTest(CHECK),
        AssertTest("assert all(map(lambda c: add(c[0], c[1]) == c[2], [(1, 2, 3), (5, 7, 12)]))"),
    ],
    "lists": [
        AssertTest("assert sorted([add(1, 2), add(5, 7)]) == [3, 12]"),
        AssertTest("assert len({add(1, 2), 3}) == 1 and add(5, 7) in [12]"),
    ],
}
HONEST = "def add(a, b):\n    return a + b\nif __name__ == '__main__':\n    print(add(*map(int, input().split())))\n"
EVERYTHING_EQUAL = "E = type('E', ({base},), dict.fromkeys(['__eq__', '__lt__', '__le__', '__contains__', '__bool__'], lambda *_: True) | {{'__hash__': lambda s: 3}})\n"
ARITHMETIC = "for n in ('add radd sub rsub mul abs neg getitem call iter len').split(): setattr(E, f'__{n}__', lambda s, *_: s)\n"
FRAME = '["t","value",["t",{value},null]]'
WIN = {  # kind: programs that know no addition and want to pass
    "frames": [
        "import sys\ndef add(*_):\n    f = sys._getframe()\n    while f:\n        for v in list(f.f_locals.values()):\n            if getattr(v, 'expected', None) is not None: return v.expected\n        f = f.f_back\n",
        "import sys, os\nc = [x for x in sys._getframe().f_code.co_consts if isinstance(x, str)]\nprint(*c, flush=True); os._exit(0)",
        "import gc\ndef add(a, b):\n    for x in gc.get_objects():\n        if type(x).__name__ in ('CallTest', 'AssertTest', 'StdinTest'): return x[-1]\n",
    ],
    "source": [
        "import inspect, sys\ndef add(*_):\n    return int(inspect.stack()[1].code_context[0].split('==')[1])\n",
        "import glob\nfor p in ['main.py', 'tests.py', *glob.glob('/*'), *glob.glob('/tmp/*'), *glob.glob('/program/*')]:\n    try: print(open(p).read().split('==')[-1])\n    except OSError: pass\n",
        "import linecache, sys\ndef add(*_):\n    return int(linecache.getline('tests.py', 1).split('==')[1])\n",
    ],
    "hooks": [
        "import sys, os\nsys.excepthook = lambda *_: (print(3), os._exit(0))\ndef add(*_): raise ValueError\nadd()",
        "import atexit, os\natexit.register(lambda: os._exit(0))\ndef add(*_): return None\n",
        "import sys\nsys.settrace(lambda *_: None)\nsys.setprofile(lambda *_: None)\ndef add(*_): return None\n",
    ],
    "objects equal to all": [
        EVERYTHING_EQUAL.format(base="object") + ARITHMETIC + "def add(*_): return E()\nprint(E())",
        EVERYTHING_EQUAL.format(base="int") + "def add(*_): return E(4)\n",
        EVERYTHING_EQUAL.format(base="float") + ARITHMETIC + "def add(*_): return E(4)\n",
        EVERYTHING_EQUAL.format(base="str") + "def add(*_): return E('3')\n",
        EVERYTHING_EQUAL.format(base="list") + "def add(*_): return E([3])\n",
        "from unittest import mock\nadd = mock.MagicMock(return_value=mock.ANY)\n",
        "from unittest import mock\nadd = mock.MagicMock()\nadd.return_value.__eq__ = lambda *_: True\nadd.return_value.__sub__ = lambda *_: 0\n",
        "class M(type):\n    __eq__ = lambda *_: True\n    __hash__ = lambda *_: 3\nclass E(metaclass=M): pass\nadd = lambda *_: E\n",
    ],
    "numbers": [
        "def add(*_): return float('nan')\nprint('nan')",
        "def add(*_): return float('inf')\nprint('inf')",
        "def add(*_): return -0.0\nprint('-0.0')",
        "def add(*_): return complex('nan')\n",
        "def add(*_): return 10 ** 5000\nprint(7 * 10 ** 4000)",
        "def add(*_): return True\nprint(True)",
    ],
    "leaving": [
        "import os; os._exit(0)",
        "raise SystemExit(0)",
        "import os\ndef add(*_): os._exit(0)",
        "def add(*_): raise SystemExit(0)",
        "def add(*_): raise GeneratorExit",
        "def add(*_): raise StopIteration",
        "def add(*_): raise KeyboardInterrupt",
        "class P(AssertionError): pass\ndef add(*_): raise P('passed')",
        "import sys, os\nif '-O' not in sys.orig_argv: os.execv(sys.executable, [sys.executable, '-O', 'main.py'])\n",
        "x = '''\ndef add(*_): return 3",
        "if False:\\",
    ],
    "names of the tests": [
        "all = any = lambda *_: True\nabs = lambda *_: 0\nsorted = lambda *_: [3, 12]\nlen = lambda *_: 1\nmap = lambda *_: []\ndef add(*_): return None\n",
        "import builtins\nfor n in ('abs', 'all', 'sorted', 'len', 'map', 'isinstance', 'AssertionError', 'print'): setattr(builtins, n, lambda *_, **k: True)\ndef add(*_): return None\n",
        "__builtins__ = {}\nassert_ = check = lambda *_: None\ndef add(*_): return None\n",
        "def check(*_): return True\ncandidate = add = lambda *_: None\n",
    ],
    "forged answers": [
        *(
            f"import os, struct\nd = {FRAME.format(value=value).encode()!r}\nd = struct.pack('>I', len(d)) + d\n"
            "for n in range(3, 64):\n    try: os.write(n, d * 8)\n    except OSError: pass\ndef add(*_): return None\n"
            for value in (4, "true", '["r",0]', '["l"]', "[]")
        ),
        'import os, struct\nd = b\'["t","passed",""]\'\nfor n in range(64):\n    try: os.write(n, struct.pack(\'>I\', len(d)) + d)\n    except OSError: pass\n',
        "import os\nfor n in range(3, 64):\n    try: os.write(n, b'\\xff' * 64)\n    except OSError: pass\ndef add(*_): return None\n",
        "import os\nos.closerange(3, 64)\ndef add(*_): return 3\n",
        "import os\nfor n in range(3, 64):\n    try: os.dup2(1, n)\n    except OSError: pass\ndef add(*_): return 4\n",
        'import json\njson.dumps = lambda *_, **k: \'["t","passed",""]\'\ndef add(*_): return None\n',
        "import sys\nfor n, m in list(sys.modules.items()):\n    if n.startswith('assay'):\n        for a in ('dump', 'load', 'equals_expected', '_error_text', 'run_test'): setattr(m, a, lambda *_, **k: b'[\"t\",\"passed\",\"\"]')\ndef add(*_): return None\n",
        "class P:\n    def __reduce__(self): return (print, (3,))\ndef add(*_): return P()\n",
    ],
    "from elsewhere": [
        "import threading, time, os\ndef late():\n    time.sleep(.2); print(3, flush=True)\nthreading.Thread(target=late).start()\ndef add(*_): return threading.current_thread()\n",
        "import os\ndef add(*_):\n    if os.fork() == 0: return 4\n    os.wait(); return None\nif os.fork() == 0: print(4)\n",
        "def add(*_): yield 3\n",
        "async def add(*_): return 3\n",
        "add = print\n",
        "add = lambda *a: a\nprint(open(0).read())",
    ],
    "size": [
        "def add(*_): return 'x' * (8 << 20)\nprint('x' * (8 << 20))",
        "def add(*_): return [[0] * 1000] * 100000\n",
        "def add(*_):\n    x = []\n    for _ in range(100000): x = [x]\n    return x\n",
        "def add(*_):\n    x = []; x.append(x); return x\n",
        "def add(a, b): return add(a, b)\nadd(1, 2)",
        "import sys\nsys.setrecursionlimit(10 ** 9)\ndef add(a, b): return add(a, b)\nadd(1, 2)",
        "import os\nwhile True: os.write(1, b'3\\n' * 4096)",
        "import os\nwhile True: os.write(2, b'3\\n' * 4096)",
        "x = bytearray(1 << 30)\n",
    ],
}
SAMPLE = [(kind, programs[0]) for kind, programs in WIN.items()]
PROGRAMS = [(kind, program) for kind, programs in WIN.items() for program in programs]


def passed(program, tests):
    results = run_tests(program, tests, LIMITS, stop=False)
    return sum(result.status == "passed" for result in results), results


def test_an_honest_program_passes_all_that_the_others_are_tried_on():
    for tests in TESTS.values():
        count, results = passed(HONEST, tests)
        assert count == len(tests), results


@pytest.mark.parametrize(("kind", "program"), SAMPLE, ids=[kind for kind, _ in SAMPLE])
def test_no_program_passes_without_solving(kind, program):
    for tests in (TESTS["calls"], TESTS["asserts"]):
        count, results = passed(program, tests)
        assert count == 0
        assert not any(result.status == "fault" for result in results), results


@pytest.mark.service
@pytest.mark.parametrize(
    ("kind", "program"), PROGRAMS, ids=[f"{kind}-{number}" for number, (kind, _) in enumerate(PROGRAMS)]
)
def test_no_program_of_any_kind_passes_any_form_of_test(kind, program):
    for name, tests in TESTS.items():
        results = run_tests(program, tests, LIMITS)
        assert results[-1].status in ("failed", "late"), (name, results)
    assert not left_over()


# Programs that reach out: each prints ESCAPED for everything that it manages, which it must not, and DONE at its end.
REACH = "import os, sys, socket, glob, time, signal, ctypes\ndef tried(act):\n    try:\n        if act() is not False: print('ESCAPED', act)\n    except (OSError, ValueError, LookupError, AttributeError, ImportError): pass\n"
OUT = {
    "processes": "tried(lambda: os.listdir('/proc'))\ntried(lambda: open('/proc/1/cmdline').read())\ntried(lambda: open('/proc/self/mem', 'rb'))\ntried(lambda: os.readlink('/proc/self/exe'))",
    "environment": "tried(lambda: any('SECRET' in k for k in os.environ) or False)\ntried(lambda: len(os.environ) > 12)",
    "command line": "tried(lambda: 'main.py' not in sys.argv[0])\ntried(lambda: any('{' in a for a in sys.orig_argv))",
    "files": "for p in ('/etc/passwd', '/etc/shadow', '/home', '/var', '/sys', '/bin', '/opt', '/mnt', '/run', {victim!r}, {root!r}): tried(lambda: os.stat(p))",
    "temporary files": "tried(lambda: os.listdir('/tmp') or False)\ntried(lambda: [d for p in ('/root', '/program', '/tmp', '/packages') for d, _, f in os.walk(p) if any('assay' in n for n in [d, *f])] or False)",
    "packages": "tried(lambda: __import__('pytest'))\ntried(lambda: __import__('numpy'))\ntried(lambda: glob.glob('/usr/lib/python3*/dist-packages/*') or False)\ntried(lambda: glob.glob(os.path.dirname(os.__file__) + '/site-packages/*') or False)",
    "writing": "for p in ('/', '/usr/lib', '/dev', '/tmp', '/packages', os.path.dirname(os.__file__)): tried(lambda: open(os.path.join(p, 'sitecustomize.py'), 'w'))",
    "remounting": "libc = ctypes.CDLL(None, use_errno=True)\nfor n in (165, 155, 161, 272, 308, 442): tried(lambda: libc.syscall(n, b'/', b'/', 0, 32 | 4096, 0) == 0)",
    "metadata": "for p in ('/', '/usr/lib', '/dev/null', sys.executable, os.__file__):\n    tried(lambda: os.chmod(p, 0o777)); tried(lambda: os.chown(p, 0, 0)) if os.getuid() else None; tried(lambda: os.utime(p)); tried(lambda: os.setxattr(p, 'user.x', b'y'))",
    "links": "os.symlink({victim!r}, 'link')\ntried(lambda: open('link').read())\ntried(lambda: open('link', 'w'))\ntried(lambda: os.link('/usr/lib', 'hard'))\nos.symlink('/', 'slash')\ntried(lambda: open('slash/new', 'w'))",
    "unix sockets": "tried(lambda: socket.socket(socket.AF_UNIX).connect({unix!r}))\ntried(lambda: socket.socket(socket.AF_UNIX))",
    "network": "for f in (socket.AF_INET, socket.AF_INET6, 16, 17): tried(lambda: socket.socket(f, socket.SOCK_STREAM))\ntried(lambda: socket.create_connection(('127.0.0.1', {port}), 1))",
    "signals": "tried(lambda: os.kill({pid}, 0))\ntried(lambda: os.killpg({pid}, 0))\ntried(lambda: signal.pidfd_send_signal(os.pidfd_open({pid}), 0))",
    "memory of others": "libc = ctypes.CDLL(None, use_errno=True)\ntried(lambda: libc.ptrace(16, os.getppid(), 0, 0) == 0)\ntried(lambda: libc.ptrace(16, 1, 0, 0) == 0)\ntried(lambda: libc.syscall(310, 1, 0, 0, 0, 0, 0) >= 0)",
    "kernel": "libc = ctypes.CDLL(None, use_errno=True)\nfor n in (250, 321, 425, 298, 323, 248, 319, 29): tried(lambda: libc.syscall(n, 0, 0, 0, 0, 0) >= 0)",
    "privileges": "tried(lambda: os.setuid(0)) if os.getuid() else None\ntried(lambda: os.mknod('device', 0o20600, 0x0103))\ntried(lambda: ctypes.CDLL(None, use_errno=True).unshare(0x10000000) == 0)\ntried(lambda: os.sethostname('x') if hasattr(os, 'sethostname') else socket.sethostname('x'))",
    "preloading": "os.environ['LD_PRELOAD'] = os.path.abspath('x.so')\nopen('sitecustomize.py', 'w').write('print(\"ESCAPED\")')\nopen('usercustomize.py', 'w').write('print(\"ESCAPED\")')\nimport subprocess\nsubprocess.run([sys.executable, '-S', '-c', 'pass'], stderr=-3)",
    "limits": "import resource\nfor n in ('RLIMIT_AS', 'RLIMIT_FSIZE', 'RLIMIT_NOFILE', 'RLIMIT_CPU'): tried(lambda: resource.setrlimit(getattr(resource, n), (resource.RLIM_INFINITY,) * 2))\ntried(lambda: resource.prlimit(1, resource.RLIMIT_NOFILE, (9, 9)))",
    "open files": "for n in range(3, 64): tried(lambda: os.fstat(n))",
    "files of others": "import fcntl\nlibc = ctypes.CDLL(None)\nfor p in (os.__file__, '/usr/lib', '/etc/ld.so.cache'):\n    for n in (0, 1): tried(lambda: fcntl.fcntl(os.open(p, os.O_RDONLY), fcntl.F_SETLEASE, n))\n    tried(lambda: fcntl.fcntl(os.open(p, os.O_RDONLY), fcntl.F_NOTIFY, 1))\ntried(lambda: libc.inotify_init() >= 0)",
    "the machine's name": "tried(lambda: os.uname().nodename != 'program')",
    "standard input": "tried(lambda: os.pread(0, 9, 0) and len(os.pread(0, 1 << 20, 0)) > 4)\ntried(lambda: os.ftruncate(0, 1 << 40))",
}


@pytest.fixture
def outside(tmp_path):
    """What programs reach for: a file, a socket, a port and this process."""
    victim = tmp_path / "victim"
    victim.write_text("expected: 3")
    os.chmod(victim, 0o644)
    unix, inet = socket.socket(socket.AF_UNIX), socket.create_server(("127.0.0.1", 0))
    unix.bind(str(tmp_path / "door"))
    unix.listen()
    names = {
        "victim": str(victim),
        "root": ROOT,
        "unix": str(tmp_path / "door"),
        "port": inet.getsockname()[1],
        "pid": os.getpid(),
    }
    yield names
    assert victim.read_text() == "expected: 3"
    assert victim.stat().st_mode & 0o777 == 0o644
    assert sorted(path.name for path in tmp_path.iterdir()) == ["door", "victim"]
    unix.close()
    inet.close()


def output_of(program, limits=LIMITS):
    with start_program(program, limits, stdin="1 2\n") as jailed:
        ending = jailed.wait(time.monotonic() + limits.wall_s, limits.wall_s)
        return ending, jailed.output(1 << 20)


def reaching(kind, names):
    program = OUT[kind]
    for name, value in names.items():
        program = program.replace(f"{{{name}!r}}", repr(value)).replace(f"{{{name}}}", str(value))
    return f"{REACH}{program}\nprint('DONE')"


@pytest.mark.parametrize("kind", OUT)
def test_nothing_outside_is_reached(kind, outside, monkeypatch):
    monkeypatch.setenv("SECRET_API", "x")
    ending, output = output_of(reaching(kind, outside))
    assert output == "DONE\n", (ending, output)


def test_what_reaches_something_would_be_seen():
    assert output_of(f"{REACH}tried(lambda: os.listdir('/program'))\nprint('DONE')")[1].startswith("ESCAPED")


# Programs that use too much: what they come to, and how soon.
GREED = {
    "fork bomb": ("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", ("too many processes", CPU := "CPU time is used up")),
    "sleeping crowd": ("import os, time\nfor _ in range(50): os.fork() or time.sleep(60)\ntime.sleep(60)", ("too many processes",)),
    "memory of all": ("import os, time\nfor _ in range(3): os.fork()\nx = bytearray(os.urandom(1 << 20) * 60)\ntime.sleep(60)", ("memory limit", "too many processes")),
    "memory of one": ("x = bytearray(1 << 30)", ("MemoryError",)),
    "memory that is shared": ("import mmap\nkept = [mmap.mmap(-1, 1 << 24) for _ in range(99)]", ("PermissionError",)),
    "memory behind an ended thread": ("import ctypes, os, threading, time\nx = []\nfor _ in range(5):\n    if os.fork() == 0:\n        threading.Thread(target=lambda: (time.sleep(0.3), x.append(os.urandom(1 << 20) * 60), time.sleep(60))).start()\n        ctypes.CDLL(None).syscall(60 if os.uname().machine == 'x86_64' else 93, 0)\ntime.sleep(60)", ("memory limit",)),
    "processor of the buried": ("import os, signal, time\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\nwhile True:\n    if os.fork() == 0:\n        while time.process_time() < 0.3: pass\n        os._exit(0)\n    try: os.wait()\n    except OSError: pass", (CPU,)),
    "processor": ("while True: pass", (CPU,)),
    "processor of all": ("import os\nos.fork(); os.fork()\nwhile True: pass", (CPU,)),
    "processor in one call": ("x = 7 ** (7 ** 12)", (CPU, "MemoryError")),
    "processor, deaf": ("import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass", (CPU,)),
    "disk": ("for n in range(99): open(str(n), 'w').write('x' * 900_000)", ("OSError: [Errno 28] No space left on device",)),
    "one file": ("open('a', 'w').write('x' * 3_000_000)", ("OSError: [Errno 27] File too large",)),
    "many files": ("for n in range(99_999): open(str(n), 'w')", ("OSError: [Errno 28]", "OSError: [Errno 24]", CPU)),
    "output": ("while True: print('x' * 9999)", ("OSError: [Errno 27] File too large",)),
    "errors": ("import os\nwhile True: os.write(2, b'x' * 9999)", ("xxxxx",)),
    "recursion": ("def f(): f()\nf()", ("RecursionError",)),
    "stack": ("import sys\nsys.setrecursionlimit(1 << 30)\nf = lambda: f()\nf()", ("signal 11", "MemoryError", "RecursionError", CPU)),
    "one's own end": ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", ("signal 9",)),
    "everybody's end": ("import os, signal\nos.fork()\nos.kill(1, signal.SIGINT); os.kill(1, signal.SIGKILL); os.kill(-1, signal.SIGKILL); raise SystemExit(4)", ("exit code 4", "signal 9")),
}  # fmt: skip


@pytest.mark.service
@pytest.mark.parametrize("kind", GREED)
def test_what_uses_too_much_ends_with_its_reason_and_leaves_nothing(kind):
    program, reasons = GREED[kind]
    ending, _ = output_of(program, LIMITS.__class__(**{**vars(LIMITS), "wall_s": 30}))
    assert not ending.failed
    assert ending.reason.startswith(reasons), ending
    assert not left_over()


@pytest.mark.service
@pytest.mark.parametrize(
    "program",
    [
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(60)\n",
        "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True)",
        "import threading, time\nthreading.Thread(target=time.sleep, args=[60], daemon=True).start()",
        "import os\nfor _ in range(2000):\n    os.mkdir('d'); os.chdir('d')\nopen('f', 'w').write('x')",
        "import os\nos.mkdir('d')\nopen('d/f', 'w')\nos.chmod('d', 0)\nos.chmod('.', 0)",
    ],
)
def test_what_would_outlive_its_test_does_not(program, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ending, _ = output_of(program)
    assert ending.reason == ""
    assert not left_over()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.service
def test_waiting_is_late_by_its_first_word_and_ends_the_program():
    for program in (
        "import time; time.sleep(1000)",
        "import signal; signal.pause()",
        "import threading; threading.Event().wait()",
    ):
        assert run_tests(program, TESTS["stdin"], LIMITS)[-1] == ("late", "time limit 4 s")
    slow = run_tests("import time\ndef add(*_): time.sleep(1000)", TESTS["check"], LIMITS)[-1]
    assert slow == ("late", "time limit 4 s")
    assert not left_over()


@pytest.mark.service
def test_all_tests_together_have_a_limit():
    began = time.monotonic()
    results = run_tests("import time\ntime.sleep(1)", [StdinTest("", "x")] * 9, LIMITS, limit_s=2.5, stop=False)
    assert time.monotonic() - began < 4
    assert results[-1] == (
        "late",
        "time limit 2.5 s",
    )  # and not that the machine was busy in what was left for the last


@pytest.mark.service
def test_programs_beside_each_other_know_nothing_of_each_other():
    program = "import os, time\nopen('mine', 'w').write('x')\ntime.sleep(.3)\nprint(sorted(os.listdir('.')), os.listdir('/tmp'))"
    outputs = []
    threads = [threading.Thread(target=lambda: outputs.append(output_of(program)[1])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outputs == ["['main.py', 'mine'] []\n"] * 4


def test_what_programs_are_started_with_holds_no_test():
    command_lines = []
    for launcher in list(_launchers.values()):
        with open(f"/proc/{launcher.process.pid}/cmdline", "rb") as file:
            command_lines.append(file.read())
    assert command_lines
    assert not any(word in text for text in command_lines for word in (b"assert", b"stdin", json.dumps("3\n").encode()))


def left_over(within_s=5.0):
    """Whether a process that a program started is still there after some seconds: the kernel ends a namespace in its own time."""
    end = time.monotonic() + within_s
    while (pids := jailed_pids()) and time.monotonic() < end:
        time.sleep(0.02)
    return pids


def jailed_pids():
    launchers = {launcher.process.pid for launcher in _launchers.values()}
    return [pid for pid in map(int, filter(str.isdecimal, os.listdir("/proc"))) if descends(pid, launchers)]


def descends(pid, launchers):
    while pid > 1:
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
                state, parent = file.read().rpartition(")")[2].split()[:2]
        except OSError:
            return False
        if int(parent) in launchers:
            return state != "Z"
        pid = int(parent)
    return False
