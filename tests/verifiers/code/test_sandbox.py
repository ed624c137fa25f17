"""What an HTTP sandbox is sent, and what its answers come to."""

# ruff: noqa: E501  # a program is one line

import http.server
import json
import subprocess
import sys
import threading

import pytest

from assay.verifiers.code.sandbox import QUEUE_S, _read_result, ask_sandbox
from assay.verifiers.code.tests import AssertTest, CallTest, StdinTest
from assay.verifiers.jail.launcher import Limits
from assay.verifiers.jail.wire_format import load

LIMITS = Limits(cpu_s=1, wall_s=10, memory=256 << 20, file=1 << 20, disk=4 << 20, processes=6)
DONE = {"run_result": {"status": "Finished", "return_code": 0, "stdout": "3\n"}}


@pytest.fixture
def sandbox():
    """Starts a server that answers with bytes, or with what a function makes of the request; its address and what it was sent."""
    servers = []

    def start(answer):
        sent = []

        class Sandbox(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                sent.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                body = answer(sent[-1]) if callable(answer) else answer
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

            def log_message(self, *_):
                pass

        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Sandbox))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_address[1]}/run_code", sent

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def really_run(asked):
    """What a sandbox does, without holding anything off: for programs of our own alone."""
    ended = subprocess.run(
        [sys.executable, "-c", asked["code"]], input=asked["stdin"], capture_output=True, text=True, check=False
    )
    return {
        "run_result": {
            "status": "Finished",
            "return_code": ended.returncode,
            "stdout": ended.stdout,
            "stderr": ended.stderr,
        }
    }


def test_a_test_of_standard_input_sends_the_program_alone(sandbox):
    url, sent = sandbox(DONE)
    ending, output = ask_sandbox(url, "print(3)", StdinTest("1 2", "expected 3"), LIMITS)
    assert (ending.reason, output) == ("", "3\n")
    assert sent == [
        {"code": "print(3)", "stdin": "1 2", "language": "python", "run_timeout": 10, "memory_limit_MB": 256}
    ]


def test_a_call_sends_the_arguments_and_never_what_is_expected(sandbox):
    url, sent = sandbox(really_run)
    program = "class Solution:\n    def add(self, a, b): return a + b\ndef add(a, b): print('noise'); return [a, (b, 1 << 70)]\ndef fail(): raise ValueError('no')\nif __name__ == '__main__': input()"
    assert load(ask_sandbox(url, program, CallTest("add", (1, "é"), 987654), LIMITS)[1].encode()) == (
        "value",
        [1, ("é", 1 << 70)],
    )
    assert load(ask_sandbox(url, program, CallTest("Solution.add", (1, 2), 3), LIMITS)[1].encode()) == ("value", 3)
    assert load(ask_sandbox(url, program, CallTest("fail", (), 3), LIMITS)[1].encode()) == ("raised", "ValueError: no")
    assert load(ask_sandbox(url, "raise SystemExit(0)", CallTest("add", (), 3), LIMITS)[1].encode()) == (
        "raised",
        "SystemExit: 0",
    )
    assert not any("987654" in json.dumps(body) for body in sent)


def test_code_of_a_test_has_held_only_where_its_mark_was_reached(sandbox):
    url, sent = sandbox(really_run)
    test = AssertTest("assert add(1, 2) == 3")
    assert ask_sandbox(url, "def add(a, b): return a + b", test, LIMITS) == (
        ask_sandbox(url, "add = lambda *_: 3", test, LIMITS)[0],
        "passed",
    )
    assert ask_sandbox(url, "raise SystemExit(0)", test, LIMITS)[1] == "left early"
    assert ask_sandbox(url, "import os; print('x', flush=True); os._exit(0)", test, LIMITS)[1] == "left early"
    ending, held = ask_sandbox(url, "add = lambda *_: 4", test, LIMITS)
    assert (ending.reason, held) == ("AssertionError", "left early")
    assert len({body["code"].rsplit("print(", 1)[1] for body in sent}) == len(sent), "a mark is never used twice"


@pytest.mark.parametrize(
    ("result", "reason", "late", "failed"),
    [
        ({"status": "Finished", "return_code": 0, "stdout": None}, "", False, False),
        ({"status": "TimeLimitExceeded"}, "time limit 10 s in the sandbox", True, False),
        ({"return_code": 1, "stderr": "Traceback\nValueError: x\n"}, "ValueError: x", False, False),
        ({"return_code": 3}, "exit code 3", False, False),
        ({"status": "Error", "return_code": None}, 'sandbox: {"status": "Error", "return_code": null}', False, True),
        ({"return_code": "0"}, 'sandbox: {"return_code": "0"}', False, True),
    ],
)
def test_how_a_run_ended_is_read_from_what_the_sandbox_says(result, reason, late, failed):
    ending, _ = _read_result(result, LIMITS)
    assert (ending.reason, ending.late, ending.failed) == (reason, late, failed)


@pytest.mark.parametrize(
    "answer",
    [b"", b"no json", b"[1]", b"5", b'{"run_result": []}', b'{"status": "SandboxError"}', b"[" * 100_000],
    ids=["nothing", "text", "list", "number", "no result", "its error", "depth"],
)
def test_an_answer_of_another_shape_is_the_sandboxs_failure_in_one_short_line(sandbox, answer):
    ending, output = ask_sandbox(sandbox(answer)[0], "x", StdinTest("", "3"), LIMITS)
    assert ending.failed
    assert ending.reason.startswith("sandbox: ")
    assert "\n" not in ending.reason
    assert len(ending.reason) <= 300
    assert output == ""


def test_no_more_output_is_read_than_a_file_may_hold(sandbox):
    small = Limits(cpu_s=1, wall_s=10, memory=256 << 20, file=1 << 10, disk=4 << 20, processes=6)
    ending, _ = ask_sandbox(sandbox(b" " * (3 << 20))[0], "x", StdinTest("", "3"), small)
    assert (ending.reason, ending.failed) == ("more than 1 MB of output", False), "the program's doing"


def test_a_server_that_is_not_there_is_its_failure():
    ending, _ = ask_sandbox("http://127.0.0.1:9/run_code", "x", StdinTest("", "3"), LIMITS)
    assert ending.failed
    assert ending.reason.startswith("sandbox: URLError")
    assert QUEUE_S > 0
