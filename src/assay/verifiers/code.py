"""`code`: a program that passes all of its unit tests, run in a subprocess with limits or in an HTTP sandbox."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from assay.core.types import Case, Label, Verdict
from assay.verifiers._code_tests import AssertTest, CallTest, StdinTest, UnitTest, parse_tests
from assay.verifiers._programs import last_program
from assay.verifiers._rules import Grade, settle
from assay.verifiers._sandbox import Limits, Ran, ask, run

_FILE = re.compile(r"(\S.*)@sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Code:
    """Correct where the last fenced program passes every test of the label; off unless the plan says `grade.allow_code = true`.

    The label's answer holds the tests in one of the formats that docs/grading.md lists; or it names a file of them by its hash,
    `two_sum.json@sha256:...`, below `tests`. CPU time used up is wrong; a wall limit, which load can bring about, is an error that the
    Grader retries once alone. What the local sandbox keeps out is said in `_jail`: it does not hide readable files.

    Raises:
        ValueError: a limit that is not positive.
    """

    tests: str = ""  # folder of tests files
    cpu_s: float = 4.0  # of one test, whole seconds
    wall_s: float = 10.0  # of one test
    limit_s: float = 60.0  # of one case, all tests
    memory_mb: int = 1024  # address space of one process
    file_mb: int = 8  # of one file, standard output included
    processes: int = 16
    packages: bool = False  # True: the program may import what is installed here
    sandbox_url: str = ""  # such as http://127.0.0.1:8080/run_code; "" = a subprocess here

    version: ClassVar[str] = "2"
    dangerous: ClassVar[bool] = True  # runs what a model wrote: a Grader refuses it unless it is told otherwise
    retries: ClassVar[bool] = True  # a time limit is tried once more, alone

    def __post_init__(self) -> None:
        if min(self.cpu_s, self.wall_s, self.limit_s, self.memory_mb, self.file_mb, self.processes) <= 0:
            raise ValueError("every limit must be positive")

    def judge(self, case: Case) -> Verdict:
        """The verdict of one case; takes as long as the tests, at most `wall_s` each."""
        return settle(case, self._grade, verifier="code", version=self.version)

    def reads(self, label: Label) -> bool:
        """Whether there is at least one test; nothing is run."""
        try:
            return bool(self._tests(label.answer))
        except (ValueError, OSError):
            return False

    def label_fault(self, label: Label) -> str:
        """Say why a label's tests are of no known shape; "" where they are read, or lie in a file that is not there yet."""
        try:
            self._tests(label.answer)
        except ValueError as error:
            return str(error)
        except OSError:
            return ""
        return ""

    def _grade(self, case: Case) -> Grade:
        program = last_program(case.rollout.text, finished=case.rollout.finish == "stop")
        if not program.strip():
            return Grade(None, reason="no program found")
        try:
            tests = self._tests(case.label.answer)
        except (ValueError, OSError) as error:
            return Grade(None, program, f"tests: {error}", failed=True)
        for number, test in enumerate(tests, 1):
            ran, passed = self._try(program, test)
            if ran.failed or ran.late:
                return Grade(None, program, f"{ran.why} (test {number} of {len(tests)})", failed=True)
            if not passed:
                return Grade(False, program, f"test {number} of {len(tests)}: {ran.why or 'another output'}")
        return Grade(True, program, f"{len(tests)} tests")

    def _try(self, program: str, test: UnitTest) -> tuple[Ran, bool]:
        limits = Limits(self.cpu_s, self.wall_s, self.memory_mb << 20, self.file_mb << 20, self.processes, self.packages)
        if isinstance(test, CallTest):
            return Ran("", "tests that call a function are not run yet", failed=True), False
        mark = secrets.token_hex(8) if isinstance(test, AssertTest) else ""  # a program that leaves early has not held anything
        whole = f"{program}\n\n{test.code}\nprint('\\n{mark}')\n" if isinstance(test, AssertTest) else program
        stdin = test.stdin if isinstance(test, StdinTest) else ""
        ran = ask(self.sandbox_url, whole, stdin, limits) if self.sandbox_url else run(whole, stdin, limits)
        said = lines(ran.output)
        return ran, not ran.why and (said == lines(test.stdout) if isinstance(test, StdinTest) else said[-1:] == [mark])

    def _tests(self, answer: str) -> list[UnitTest]:
        """The tests that a label's answer holds or names.

        Raises:
            ValueError: no JSON of a known shape, or a file that has changed.
            OSError: a file that is not there.
        """
        if named := _FILE.fullmatch(answer.strip()):
            data = Path(self.tests, named[1]).read_bytes()
            if (found := hashlib.sha256(data).hexdigest()) != named[2]:
                raise ValueError(f"{named[1]} has the hash {found[:12]}, the label says {named[2][:12]}")
            answer = data.decode("utf-8")
        return parse_tests(answer)


def lines(text: str) -> list[str]:
    """Lines without white space at their ends and without empty ones at the end of the text."""
    return [line.rstrip() for line in text.rstrip().split("\n")] if text.strip() else []
