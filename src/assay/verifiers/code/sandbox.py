"""A sandbox over HTTP that speaks SandboxFusion's `run_code` (the one that verl asks), in the place of jails here."""

import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assay.verifiers.code.tests import AssertTest, CallTest, StdinTest, UnitTest
from assay.verifiers.jail import wire_format
from assay.verifiers.jail.launcher import SHOWN, Ending, Limits
from assay.verifiers.jail.wire_format import dump
from assay.verifiers.pool.replies import IN_SANDBOX

QUEUE_S = 30.0  # that an HTTP sandbox may take longer than the program
CALL = """
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
    """Run one test.

    A test of standard input sends the program alone, and a test that calls a function the program and the arguments: what is expected never
    leaves this process. A test that is code is sent in the file of the program, which can read it: a program that wants to pass without solving
    can.

    Args:
        url: the address of `run_code`.
        program: its text.
        test: what it must do.
        limits: wall time and memory of the run; what else is limited is the sandbox's to say.

    Returns:
        How it ended, and: the standard output; the value as `_plain.dump` writes it; or "passed".
    """
    if isinstance(test, StdinTest):
        return _run(url, program, test.stdin, limits)
    if isinstance(test, CallTest):
        code = f"PLAIN = {Path(wire_format.__file__).read_text(encoding='utf-8')!r}\nPROGRAM = {program!r}\n{CALL}"
        ending, output = _run(url, code, dump((test.function, tuple(test.arguments))).decode(), limits)
        return ending, output.strip().rsplit("\n", 1)[-1]
    return _asserted(url, program, test, limits)


def _asserted(url: str, program: str, test: AssertTest, limits: Limits) -> tuple[Ending, str]:
    mark = secrets.token_hex(8)  # a program that leaves early has not held anything
    ending, output = _run(url, f"{program}\n\n{test.code}\nprint('\\n{mark}')\n", "", limits)
    return ending, "passed" if output.strip().rsplit("\n", 1)[-1] == mark else "left early"


def _run(url: str, code: str, stdin: str, limits: Limits) -> tuple[Ending, str]:
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
            data = response.read((most := 8 * limits.file + (1 << 20)) + 1)
        if len(data) > most:
            return Ending(f"more than {most >> 20} MB of output"), ""
        answer: Any = json.loads(data)
    except (urllib.error.URLError, OSError, ValueError, RecursionError) as error:
        return Ending(f"sandbox: {type(error).__name__}: {error}"[:SHOWN], failed=True), ""
    if not isinstance(answer, Mapping) or not isinstance(answer.get("run_result"), Mapping):
        return Ending(f"sandbox: {json.dumps(answer)[:SHOWN]}", failed=True), ""
    return _read(answer["run_result"], limits)


def _read(result: Mapping[str, Any], limits: Limits) -> tuple[Ending, str]:
    """How a run ended, by what the sandbox says of it, and the standard output."""
    output, code = str(result.get("stdout") or ""), result.get("return_code")
    if result.get("status") == "TimeLimitExceeded":
        return Ending(f"time limit {limits.wall_s:g} s {IN_SANDBOX}", late=True), output
    if not isinstance(code, int):  # it never ran, says SandboxFusion's status "Error"
        return Ending(f"sandbox: {json.dumps(result)}"[:SHOWN], failed=True), ""
    last = str(result.get("stderr") or "").strip().rsplit("\n", 1)[-1]
    return Ending("" if code == 0 else (last or f"exit code {code}")[:SHOWN]), output
