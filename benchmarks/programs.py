"""Programs judged by their tests: cases a second through jails, beside one plain interpreter per test without any isolation.

Two forms of label with three tests each: standard input, and asserts. The peer writes program and test into a file and runs it with
`subprocess.run`, as harnesses do that only set a time limit; both use two workers.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from assay.core.types import GradingCase, Label, Policy, Problem, Request, Rollout, SamplingConfig
from assay.verifiers.pool.grader import Grader
from benchmarks.claims import Claim, publish

WORKERS, FULL = 2, 200
ADD = "def add(a, b):\n    return a + b\n"
PAIRS = ((1, 2), (5, 7), (0, 0))
FORMS = {
    "standard input": (
        f"{ADD}print(add(*map(int, input().split())))\n",
        json.dumps([{"input": f"{a} {b}", "output": f"{a + b}"} for a, b in PAIRS]),
    ),
    "asserts": (ADD, json.dumps({"asserts": [f"assert add({a}, {b}) == {a + b}" for a, b in PAIRS]})),
}


def main() -> None:
    """Measures both forms."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="40 cases in place of 200")
    count = FULL // 5 if parser.parse_args().quick else FULL
    publish("programs", [claim(form, count) for form in FORMS])


def claim(form: str, count: int) -> Claim:
    """Cases a second of one form, jailed and plain, in turn."""
    program, tests = FORMS[form]
    programs = [f"{program}# {number}\n" for number in range(count)]
    ours, peer = jailed(programs, tests), plain(programs, form)
    text = f"cases/s, three tests of {form} each: jailed beside one plain interpreter a test"
    return Claim(text, ours, peer, ours / peer, ">= 0.5", ours / peer >= 0.5, "cases/s", count, FULL)


def jailed(programs: list[str], tests: str) -> float:
    """Cases a second of a Grader that is warm; every verdict is correct."""
    cases = [as_case(program, tests) for program in programs]
    with Grader(workers=WORKERS, allow_code=True) as grader:
        grader.warm("code")
        grader.judge(cases[:WORKERS])
        began = time.perf_counter()
        outcomes = {verdict.outcome for verdict in grader.judge(cases[WORKERS:])}
        elapsed = time.perf_counter() - began
    assert outcomes == {"correct"}
    return (len(cases) - WORKERS) / elapsed


def plain(programs: list[str], form: str) -> float:
    """Cases a second of the peer."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(WORKERS) as pool:
        assert all(pool.map(lambda item: unconfined(Path(folder, f"{item[0]}.py"), item[1], form), enumerate(programs)))
    return len(programs) / (time.perf_counter() - began)


def unconfined(path: Path, program: str, form: str) -> bool:
    """Whether a program passes its three tests, each in an interpreter of its own."""
    for a, b in PAIRS:
        path.write_text(
            program if form == "standard input" else f"{program}\nassert add({a}, {b}) == {a + b}\n", encoding="utf-8"
        )
        ended = subprocess.run(
            [sys.executable, "-I", str(path)], input=f"{a} {b}", capture_output=True, text=True, timeout=10, check=False
        )
        if ended.returncode or (form == "standard input" and ended.stdout.split() != [str(a + b)]):
            return False
    return True


def as_case(program: str, tests: str) -> GradingCase:
    """One attempt at one problem."""
    problem = Problem.of("Add.")
    request = Request(problem.id, problem.messages, SamplingConfig(), (0,), 0)
    rollout = Rollout.of(
        request,
        0,
        policy=Policy("none", "r0"),
        engine="scripted",
        text=f"```python\n{program}```",
        tokens=1,
        finish="stop",
    )
    return GradingCase(problem, Label.of(problem.id, tests, verifier="code"), rollout)


if __name__ == "__main__":
    main()
