"""Programs judged by their tests: honest ones, and ones that would rather not be."""

import http.server
import json
import os
import subprocess
import sys
import threading
import time
from hashlib import sha256

import pytest

from assay.core.config import parse_config
from assay.core.errors import ConfigError
from assay.verifiers.code.runner import split_lines
from assay.verifiers.code.verifier import Code
from assay.verifiers.jail.launcher import _launchers
from assay.verifiers.pool.grader import Grader

SUMS = json.dumps([{"input": "1 2\n", "output": "3\n"}, {"input": "5 6", "output": "11"}])
RIGHT = "a, b = map(int, input().split())\nprint(a + b)"


def fenced(program):
    return f"I think:\n```python\n{program}\n```\nThat is it."


def judge(case, program, gold=SUMS, **settings):
    verifier = Code(**{"cpu_s": 1, "wall_s": 5, **settings})
    if refusal := verifier.refusal():
        pytest.skip(refusal)
    return verifier.judge(case(gold, fenced(program), verifier="code"))


def test_a_program_must_pass_every_test(case):
    assert (judge(case, RIGHT).outcome, judge(case, RIGHT).reason) == ("correct", "2 tests")
    assert (judge(case, "print(3)").outcome, judge(case, "print(3)").reason) == ("wrong", "test 2 of 2: another output")


@pytest.mark.parametrize(
    "gold",
    [
        {"inputs": ["1 2"], "outputs": ["3"]},
        {"inputs": [["1 2"]], "outputs": [["3", ""]]},
        [{"output": "3"}],
        {"asserts": ["assert a == 3"]},
    ],
)
def test_tests_come_in_the_shapes_of_the_hub(case, gold):
    assert judge(case, "a = 3\nprint(a)", json.dumps(gold)).outcome == "correct"
    assert judge(case, "a = 4\nprint(a)", json.dumps(gold)).outcome == "wrong"


def test_leaving_before_the_asserts_passes_none_of_them(case):
    gold = json.dumps({"asserts": ["assert False"]})
    for program in ("import sys; sys.exit(0)", "import os; os._exit(0)", "pass"):
        assert judge(case, program, gold).outcome == "wrong"


def test_tests_by_reference_are_read_by_their_hash(case, tmp_path):
    (tmp_path / "sums.json").write_text(SUMS)
    reference = f"sums.json@sha256:{sha256(SUMS.encode()).hexdigest()}"
    assert judge(case, RIGHT, reference, tests=str(tmp_path)).outcome == "correct"
    assert Code(tests=str(tmp_path)).reads(case(reference, "").label)
    (tmp_path / "sums.json").write_text("[]")
    changed = judge(case, RIGHT, reference, tests=str(tmp_path))
    assert (changed.outcome, "has the hash" in changed.reason) == ("verifier_error", True)
    assert not Code(tests=str(tmp_path)).reads(case(reference, "").label)
    assert judge(case, RIGHT, reference, tests=str(tmp_path / "none")).outcome == "verifier_error"


@pytest.mark.parametrize("name", ["/dev/zero", "../sums.json", "tests/../../sums.json", "."])
def test_a_label_names_no_file_outside_the_folder_of_tests(case, tmp_path, name):
    (tmp_path / "tests").mkdir()
    (tmp_path / "sums.json").write_text(SUMS)
    verifier = Code(tests=str(tmp_path / "tests"))
    label = case(f"{name}@sha256:{sha256(SUMS.encode()).hexdigest()}", "").label
    assert not verifier.reads(label)
    assert "is not a file below" in verifier.label_fault(label)


@pytest.mark.parametrize("gold", ["[]", '{"asserts": []}', '{"inputs": [], "outputs": []}'])
def test_no_test_at_all_is_the_labels_fault_and_no_program_passes(case, gold):
    assert judge(case, "raise ValueError", gold).outcome == "verifier_error"


def test_what_an_assert_asks_is_answered_from_another_process(case):
    gold = json.dumps({"asserts": ["assert add(1, 2) == 3", "assert add(5, 7) == 12"]})
    assert judge(case, "def add(a, b): return a + b", gold).reason == "2 tests"
    sly = "class E(int):\n    __eq__ = lambda *_: True\n    __hash__ = None\ndef add(a, b): return E(3)"
    assert judge(case, sly, gold).reason == "test 2 of 2: AssertionError"
    assert judge(case, "import os\nos._exit(0)", gold).outcome == "wrong"


@pytest.mark.parametrize("gold", ["", "4", "{}", "[]", '{"inputs": ["1"], "outputs": []}', "[" * 5000])
def test_a_label_without_tests_is_not_readable(case, gold):
    assert not Code().reads(case(gold, "").label)


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("while True: pass", "CPU time is used up"),
        ("x = bytearray(4 << 30)", "MemoryError"),
        ("print('x' * 50_000_000)", "File too large"),
        ("import sys; sys.stdin.read(); input()", "EOFError"),
        ("raise SystemExit(3)", "exit code 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "signal 9"),
        ("def f(:", "SyntaxError"),
    ],
)
def test_a_program_that_misbehaves_is_wrong_and_says_how(case, program, reason):
    verdict = judge(case, program, wall_s=60)  # the limits of CPU time and memory end it, not the wall
    assert verdict.outcome == "wrong"
    assert reason in verdict.reason


@pytest.mark.service
def test_a_fork_bomb_ends_soon_and_leaves_nothing(case):
    began = time.perf_counter()
    verdict = judge(case, "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", wall_s=4)
    assert verdict.outcome in ("wrong", "verifier_error")
    assert (
        time.perf_counter() - began < 30
    )  # its limit is 4 s of clock; on cores that other tests share the processes take their time to die
    assert not running()


def test_nothing_outside_its_folder_is_written(case, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("here")
    judge(case, f"open({str(tmp_path / 'new')!r}, 'w').write('x')")
    judge(case, f"import os; os.remove({str(victim)!r})")
    judge(case, f"open({str(victim)!r}, 'w')")
    assert [path.name for path in tmp_path.iterdir()] == ["victim"]
    assert victim.read_text() == "here"
    assert (
        judge(case, "open('note', 'w').write('x'); print(open('note').read())", '[{"output": "x"}]').outcome
        == "correct"
    )


@pytest.mark.service
def test_a_child_that_runs_away_does_not_outlive_its_test(case):
    program = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(30)\nprint(3)"
    judge(case, program)
    assert not running()


def test_the_wall_limit_is_an_error_and_not_a_wrong_answer(case):
    verdict = judge(case, "import time; time.sleep(30)", wall_s=1)
    assert (verdict.outcome, verdict.reason) == ("verifier_error", "time limit 1 s (test 1 of 2)")


def test_white_space_at_line_ends_does_not_count_and_lines_do():
    assert split_lines("1 \n2\n\n") == split_lines("1\n2") != split_lines("1 2")
    assert split_lines(" \n") == []


def test_it_is_refused_unless_it_is_allowed(case):
    with Grader() as grader, pytest.raises(ConfigError, match="allow_code"):
        grader.judge([case(SUMS, fenced(RIGHT), verifier="code")])
    tree = {
        "source": [{"type": "files", "paths": "x", "prompt": "q", "answer": "a", "verifier": "code"}],
        "policy": {"engine": "scripted"},
    }
    with pytest.raises(ConfigError, match="allow_code"):
        parse_config(tree)
    assert parse_config({**tree, "grade": {"allow_code": True}}).grade.allow_code


@pytest.mark.service
def test_a_late_case_is_retried_alone_and_settings_are_part_of_the_version(case):
    settings = {"code": {"wall_s": 1.5, "cpu_s": 1.0}}
    with Grader(allow_code=True, settings=settings, workers=1) as grader:
        grader.warm("code")
        program = f"import time\nif time.time() < {time.time() + 1.0}: time.sleep(9)\nprint(3)"  # the first go is too early, the second is not
        verdict = grader.judge([case('[{"output": "3"}]', fenced(program), verifier="code")])[0]
        assert verdict.version == grader.version("code") != Code.version
    assert verdict.outcome == "correct"


@pytest.mark.service
def test_right_answers_that_sleep_the_time_of_a_case_away_are_wrong(case):
    """The last test has little time left; that little is asked for who let it pass."""
    gold = json.dumps([{"input": f"{n} 1", "output": str(n + 1)} for n in range(9)])
    settings = {"code": {"wall_s": 1.5, "cpu_s": 1.0, "limit_s": 2.5}}
    with Grader(allow_code=True, settings=settings, workers=1) as grader:
        program = fenced(f"import time; time.sleep(0.9)\n{RIGHT}")
        verdict = grader.judge([case(gold, program, verifier="code")])[0]
    assert (verdict.outcome, verdict.reason) == ("wrong", "time limit 2.25 s (test 3 of 9)")


class Fusion(http.server.BaseHTTPRequestHandler):
    """A sandbox that answers with what it was told to."""

    reply: dict = {}

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps(
            self.reply
            | (
                {"run_result": {**self.reply["run_result"], "stdout": request["stdin"]}}
                if "run_result" in self.reply
                else {}
            )
        )
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ({"run_result": {"status": "Finished", "return_code": 0}}, "correct"),
        ({"run_result": {"status": "Finished", "return_code": 1, "stderr": "x\nNameError: a"}}, "wrong"),
        ({"run_result": {"status": "TimeLimitExceeded"}}, "verifier_error"),
        ({"status": "SandboxError"}, "verifier_error"),
        ({"run_result": {"status": "Error", "return_code": None, "stderr": "no such image"}}, "verifier_error"),
    ],
)
def test_an_http_sandbox_does_the_same_and_its_failures_are_errors(case, reply, outcome):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Told", (Fusion,), {"reply": reply}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}/run_code"
        assert judge(case, "anything", '[{"input": "7", "output": "7"}]', sandbox_url=url).outcome == outcome
    finally:
        server.shutdown()
        server.server_close()
    assert judge(case, "anything", sandbox_url=url).outcome == "verifier_error"


SANDBOX = """
import http.server, json, time
from assay.verifiers.jail.launcher import Limits, start_program
class Fusion(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "BREAK" in request["code"]:
            return self.send_error(500)
        if "HANG UP" in request["code"]:
            return self.connection.close()
        limits = Limits(1, request["run_timeout"], request["memory_limit_MB"] << 20, 1 << 20, 1 << 20, 8)
        with start_program(request["code"], limits, stdin=request["stdin"]) as jailed:
            ending = jailed.wait(time.monotonic() + limits.wall_s, limits.wall_s)
            result = {"status": "TimeLimitExceeded" if ending.late else "Finished", "return_code": None if ending.late else int(bool(ending.reason)),
                      "stdout": jailed.output(1 << 20), "stderr": ending.reason}
        body = json.dumps({"status": "Failed" if ending.reason else "Success", "run_result": result}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Fusion)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


@pytest.fixture
def sandbox():
    """A server process that runs programs, and its address."""
    process = subprocess.Popen([sys.executable, "-c", SANDBOX], stdout=subprocess.PIPE, text=True)
    yield process, f"http://127.0.0.1:{int(process.stdout.readline())}/run_code"
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.mark.service
def test_a_sandbox_server_runs_real_programs_and_its_faults_are_never_wrong(case, sandbox):
    process, url = sandbox
    programs = {
        RIGHT: ("correct", "2 tests"),
        "print(3)": ("wrong", "test 2 of 2: another output"),
        "print(undefined)": ("wrong", "test 1 of 2: NameError: name 'undefined' is not defined"),
        "import time; time.sleep(9)": ("wrong", "time limit 1 s in the sandbox (test 1 of 2)"),
        "# BREAK": ("verifier_error", "sandbox: HTTPError: HTTP Error 500: Internal Server Error (test 1 of 2)"),
        "# HANG UP": (
            "verifier_error",
            "sandbox: RemoteDisconnected: Remote end closed connection without response (test 1 of 2)",
        ),
    }
    with Grader(allow_code=True, settings={"code": {"sandbox_url": url, "wall_s": 1.0}}) as grader:
        verdicts = grader.judge([case(SUMS, fenced(program), verifier="code") for program in programs])
        assert [(verdict.outcome, verdict.reason) for verdict in verdicts] == list(programs.values())
        process.kill()
        process.wait()
        late = grader.judge([case(SUMS, fenced(f"{RIGHT} # again"), verifier="code")])[0]
    assert late.outcome == "verifier_error"
    assert "sandbox: URLError" in late.reason


@pytest.mark.service
def test_asserts_hold_in_a_sandbox_server_only_where_they_were_reached(case, sandbox):
    _, url = sandbox
    gold = json.dumps({"asserts": ["assert add(1, 2) == 3"]})
    for program, outcome in (
        ("def add(a, b): return a + b", "correct"),
        ("def add(a, b): return 4", "wrong"),
        ("raise SystemExit", "wrong"),
    ):
        assert judge(case, program, gold, sandbox_url=url).outcome == outcome


def running(within_s=5.0):
    """Whether a program that a test started is still alive after some seconds: the kernel ends a namespace in its own time."""
    end = time.monotonic() + within_s
    while has_running_program() and time.monotonic() < end:
        time.sleep(0.05)
    return has_running_program()


def has_running_program():
    """Whether a launcher of this process has a child that has not ended."""
    launchers = {str(launcher.process.pid) for launcher in _launchers.values()}
    assert launchers
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                state, parent = file.read().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if parent in launchers and state != "Z":
            return True
    return False


ADDERS = {
    "function": "def add(a, b):\n    return a + b\n",
    "method": "class Solution:\n    def add(self, a, b):\n        return a + b\n",
}
CALLS = [
    {"fn_name": "add", "inputs": [[1, 2], [3, 4]], "outputs": [3, 7]},
    {"fn_name": "add", "inputs": [[1, 2], [3, 4]], "outputs": [[3], [7]]},
    {"fn_name": "add", "inputs": ["1\n2"], "outputs": ["3"]},
    [{"input": "1\n2", "output": "3", "testtype": "functional", "metadata": {"func_name": "add"}}],
    {"test_cases": [{"fn_name": "add", "input": [1, 2], "output": 3, "type": "function_call"}]},
]


@pytest.mark.parametrize("form", ADDERS)
def test_calls_of_every_published_format_reach_a_function_or_a_method(case, form):
    for label in CALLS:
        verdict = judge(case, ADDERS[form], json.dumps(label))
        assert (verdict.outcome, verdict.reason) == (
            "correct",
            f"{len(label.get('inputs', '1')) if isinstance(label, dict) else 1} tests",
        )
        assert judge(case, ADDERS[form].replace("a + b", "a - b"), json.dumps(label)).outcome == "wrong"


def test_a_class_that_the_starter_code_asks_for_is_needed(case):
    label = json.dumps({"tests": json.dumps(CALLS[3]), "starter_code": "class Solution:"})
    assert [judge(case, program, label).outcome for program in ADDERS.values()] == ["wrong", "correct"]


@pytest.mark.parametrize(
    "label",
    [
        {
            "tests": ["assert add(1, 2) == 3"],
            "test_imports": ["import math"],
            "test_setup_code": "one = math.floor(1.5)",
        },
        {"tests": "def check(candidate):\n    assert candidate(1, 2) == 3\n", "entry_point": "add"},
        "x = add(1, 1)\nassert add(x, 1) == 3\nassert add(0, 0) == 0",
    ],
)
def test_assertions_of_every_published_format_hold_or_do_not(case, label):
    text = label if isinstance(label, str) else json.dumps(label)
    assert judge(case, ADDERS["function"], text).outcome == "correct"
    assert judge(case, ADDERS["function"].replace("a + b", "a * b"), text).outcome == "wrong"


def test_the_share_of_tests_is_the_reward_and_correct_begins_at_the_threshold(case):
    doubles = "n = int(input())\nprint(n * 2 if n < 3 else 0)"
    label = json.dumps({"inputs": ["1", "2", "3", "4"], "outputs": ["2", "4", "6", "8"]})
    assert judge(case, doubles, label).reward == 0.0
    verdict = judge(case, doubles, label, reward="share")
    assert (verdict.outcome, verdict.reward, verdict.reason) == (
        "wrong",
        0.5,
        "2 of 4 hidden tests, 2 of 4 in all; test 3: another output",
    )
    assert judge(case, doubles, label, reward="share", threshold=0.5).outcome == "correct"
    assert judge(case, doubles, label, reward="share", threshold=0.5).reward == 0.5
    whole = judge(case, "print(int(input()) * 2)", label, reward="share")
    assert (whole.outcome, whole.reward) == ("correct", 1.0)


def test_what_the_problem_shows_earns_no_share(case):
    rows = [{"input": str(n), "output": str(2 * n), "testtype": "stdin"} for n in range(4)]
    label = json.dumps({"public_test_cases": json.dumps(rows[:2]), "private_test_cases": rows})
    by_heart = judge(case, "print({0: 0, 1: 2}.get(int(input()), -1))", label, reward="share")
    assert (by_heart.outcome, by_heart.reward) == ("wrong", 0.0)
    hidden_only = judge(case, "n = int(input())\nprint(2 * n if n > 1 else -1)", label, reward="share", threshold=0.5)
    assert (hidden_only.outcome, hidden_only.reward) == ("wrong", 1.0)


def test_a_test_that_could_not_be_run_makes_a_share_an_error(case):
    label = json.dumps({"inputs": ["1", "2"], "outputs": ["2", "4"]})
    verdict = judge(case, "import time\nif input() == '2': time.sleep(9)\nprint(2)", label, reward="share", wall_s=0.5)
    assert verdict.outcome == "verifier_error"
    assert verdict.reason.startswith("time limit")
    with pytest.raises(ValueError, match="threshold"):
        Code(threshold=0)
