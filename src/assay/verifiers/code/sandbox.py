"""Run tests in a sandbox over HTTP that speaks SandboxFusion's `run_code`, in place of jails on this machine."""

import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assay.verifiers.code.tests import AssertTest, CallTest, StdinTest, UnitTest
from assay.verifiers.jail import wire_format
from assay.verifiers.jail.launcher import SHOWN_CHARS, Ending, Limits
from assay.verifiers.jail.wire_format import dump
from assay.verifiers.pool.replies import IN_SANDBOX

QUEUE_S = 30.0  # that a request may wait in the sandbox's queue, beyond the time limit of the program
CALL_SCRIPT = """
import sys, types
plain, module = {"__name__": "plain"}, types.ModuleType("program")
exec(PLAIN, plain)
sys.modules["program"] = module
try:
    exec(compile(PROGRAM, "main.py", "exec"), module.__dict__)
    name, arguments = plain["load"](sys.stdin.buffer.read())
    owner, _, method = name.rpartition(".")
    target = getattr(module.__dict__[owner](), method) if owner else module.__dict__[name]
    answer = plain["dump"](("value", target(*arguments)), lambda value: ["r", 0])
except BaseException as error:
    answer = plain["dump"](("raised", f"{type(error).__name__}: {error}"[:200]))
print("\\n" + answer.decode())
"""


def ask_sandbox(url: str, program: str, test: UnitTest, limits: Limits) -> tuple[Ending, str]:
    """Run one test in the sandbox.

    For a test of standard input only the program is sent, for a test that calls a function the program and the
    arguments: expected values never leave this process. A test that is code is sent in the program's own file, where
    the program can read it; such a program can therefore pass without solving the problem.

    Args:
        url: The address of `run_code`.
        program: The program's text.
        test: What the program must do.
        limits: Wall time and memory of the run; all other limits are the sandbox's own.

    Returns:
        How the run ended, and its result: the standard output, the value as `wire_format.dump` writes it, or
        "passed".
    """
    if isinstance(test, StdinTest):
        return _post(url, program, test.stdin, limits)
    if isinstance(test, CallTest):
        code = (
            f"PLAIN = {Path(wire_format.__file__).read_text(encoding='utf-8')!r}\nPROGRAM = {program!r}\n{CALL_SCRIPT}"
        )
        ending, output = _post(url, code, dump((test.function, tuple(test.arguments))).decode(), limits)
        return ending, output.strip().rsplit("\n", 1)[-1]
    return _run_assertions(url, program, test, limits)


def _run_assertions(url: str, program: str, test: AssertTest, limits: Limits) -> tuple[Ending, str]:
    mark = secrets.token_hex(8)  # a program that exits early has not printed it
    ending, output = _post(url, f"{program}\n\n{test.code}\nprint('\\n{mark}')\n", "", limits)
    return ending, "passed" if output.strip().rsplit("\n", 1)[-1] == mark else "left early"


def _post(url: str, code: str, stdin: str, limits: Limits) -> tuple[Ending, str]:
    body = {
        "code": code,
        "stdin": stdin,
        "language": "python",
        "run_timeout": limits.wall_s,
        "memory_limit_MB": limits.memory >> 20,
    }
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=limits.wall_s + QUEUE_S) as response:
            data = response.read((max_bytes := 8 * limits.file + (1 << 20)) + 1)
        if len(data) > max_bytes:
            return Ending(f"more than {max_bytes >> 20} MB of output"), ""
        answer: Any = json.loads(data)
    except (urllib.error.URLError, OSError, ValueError, RecursionError) as error:
        return Ending(f"sandbox: {type(error).__name__}: {error}"[:SHOWN_CHARS], failed=True), ""
    if not isinstance(answer, Mapping) or not isinstance(answer.get("run_result"), Mapping):
        return Ending(f"sandbox: {json.dumps(answer)[:SHOWN_CHARS]}", failed=True), ""
    return _read_result(answer["run_result"], limits)


def _read_result(result: Mapping[str, Any], limits: Limits) -> tuple[Ending, str]:
    """Return how a run ended, according to the sandbox, and its standard output."""
    output, exit_code = str(result.get("stdout") or ""), result.get("return_code")
    if result.get("status") == "TimeLimitExceeded":
        return Ending(f"time limit {limits.wall_s:g} s {IN_SANDBOX}", late=True), output
    if not isinstance(exit_code, int):  # SandboxFusion's status "Error": it never ran
        return Ending(f"sandbox: {json.dumps(result)}"[:SHOWN_CHARS], failed=True), ""
    last_error_line = str(result.get("stderr") or "").strip().rsplit("\n", 1)[-1]
    return Ending("" if exit_code == 0 else (last_error_line or f"exit code {exit_code}")[:SHOWN_CHARS]), output
