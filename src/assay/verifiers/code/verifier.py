"""`code`: a program that passes all of its unit tests, run in a jail here or in an HTTP sandbox."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from assay.core.types import GradingCase, Label, Verdict
from assay.verifiers.answers.verdicts import Grade, settle
from assay.verifiers.code.programs import bound, last_program
from assay.verifiers.code.runner import UnitResult, run_tests
from assay.verifiers.code.tests import UnitTest, parse_tests, shown_tests
from assay.verifiers.jail.launcher import Limits, refusal

_FILE = re.compile(r"(\S.*)@sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Code:
    """Correct where the last fenced program passes every test of the label; off unless the plan says `grade.allow_code = true`.

    The label's answer holds the tests in one of the formats that docs/grading.md lists; or it names a file of them by its hash,
    `two_sum.json@sha256:...`, below `tests`. With `reward = "share"` all tests are run and the reward is the share of the hidden ones that
    pass: those that the label does not call public, or all where it calls none so. Correct is then what passes every public test and at
    least the share `threshold` of the hidden ones.

    The program runs alone, in a jail with a root of its own, and what it answers is compared outside. Standard output compares as text.
    The value of a call compares with JSON by value and type: 1 is 1.0, True is neither, a tuple is a list. Tests that are code run
    in a second jail: what the program returns reaches them as plain data of builtin types, which compare as Python compares them (1, 1.0 and
    True are equal, a list and a tuple are not); an object of the program's own equals nothing but its like. CPU time used up is wrong; a wall
    limit, which load can bring about, is an error that the Grader retries once alone. `docs/grading.md` has the rules, SECURITY.md the limits.

    Raises:
        ValueError: a limit that is not positive, or a threshold outside (0, 1].
    """

    tests: str = ""  # folder of tests files
    reward: Literal["all", "share"] = (
        "all"  # all = 1 where every test passes, else 0; share = the share of hidden tests that pass
    )
    threshold: float = 1.0  # of "share": hidden tests that a correct program passes, (0, 1]
    cpu_s: float = 4.0  # of one test, whole seconds
    wall_s: float = 10.0  # of one test
    limit_s: float = 60.0  # of one case, all tests
    memory_mb: int = 1024  # of one process, and of all of a program's together
    file_mb: int = 8  # of one file, standard output included
    disk_mb: int = 64  # of all files
    processes: int = 16
    packages: tuple[
        str, ...
    ] = ()  # distributions that programs may import, such as numpy; what they require comes along
    sandbox_url: str = ""  # such as http://127.0.0.1:8080/run_code; "" = jails here
    disposable_machine: bool = (
        False  # True: where programs cannot be isolated they run without, since this machine may be lost
    )

    version: ClassVar[str] = "2"
    dangerous: ClassVar[bool] = True  # runs what a model wrote: a Grader refuses it unless it is told otherwise
    retries: ClassVar[bool] = True  # a time limit is tried once more, alone

    def __post_init__(self) -> None:
        if min(self.cpu_s, self.wall_s, self.limit_s, self.memory_mb, self.file_mb, self.disk_mb, self.processes) <= 0:
            raise ValueError("every limit must be positive")
        if not 0 < self.threshold <= 1:
            raise ValueError(f"threshold = {self.threshold:g} must lie in (0, 1]")

    def judge(self, case: GradingCase) -> Verdict:
        """The verdict of one case; takes as long as the tests, at most `wall_s` each and `limit_s` together."""
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

    def refusal(self) -> str:
        """Why this machine may not run programs, in one line with the way out; "" where it may."""
        return "" if self.sandbox_url else refusal(self._limits())

    def warm(self) -> None:
        """Start what programs are started from, in a process that has seen none."""
        self.refusal()

    def _grade(self, case: GradingCase) -> Grade:
        program = last_program(case.rollout.text, finished=case.rollout.finish == "stop")
        if not program.strip():
            return Grade(None, reason="no program found")
        try:
            tests = bound(self._tests(case.label.answer), program)
        except (ValueError, OSError) as error:
            return Grade(None, program, f"tests: {error}", failed=True)
        limit_s = max(0.9 * self.limit_s, self.limit_s - 2)  # before the Grader ends this process
        results = run_tests(
            program, tests, self._limits(), limit_s=limit_s, sandbox_url=self.sandbox_url, stop=self.reward == "all"
        )
        if self.reward == "share":
            return self._share(case.label.answer, program, tests, results)
        status, reason = results[-1]
        if status == "passed":
            return Grade(True, program, f"{len(tests)} tests")
        where = f"test {len(results)} of {len(tests)}"
        if status == "failed":
            return Grade(False, program, f"{where}: {reason}")
        return Grade(None, program, f"{reason} ({where})", failed=True)

    def _share(self, answer: str, program: str, tests: list[UnitTest], results: list[UnitResult]) -> Grade:
        """The grade where every test has its say; one that could not be run makes the whole an error."""
        for number, (status, reason) in enumerate(results, 1):
            if status not in ("passed", "failed"):
                return Grade(None, program, f"{reason} (test {number} of {len(tests)})", failed=True)
        shown = bound(shown_tests(self._text(answer)), program)
        passed = [result.status == "passed" for result in results]
        hidden = [won for won, test in zip(passed, tests, strict=True) if test not in shown] or passed
        share = sum(hidden) / len(hidden)
        right = share >= self.threshold and all(
            won for won, test in zip(passed, tests, strict=True) if test in shown and hidden is not passed
        )
        first = next(
            (
                f"; test {number}: {result.reason}"
                for number, result in enumerate(results, 1)
                if result.status == "failed"
            ),
            "",
        )
        return Grade(
            right,
            program,
            f"{sum(hidden)} of {len(hidden)} hidden tests, {sum(passed)} of {len(passed)} in all{first}",
            reward=share,
        )

    def _limits(self) -> Limits:
        return Limits(
            cpu_s=self.cpu_s,
            wall_s=self.wall_s,
            memory=self.memory_mb << 20,
            file=self.file_mb << 20,
            disk=self.disk_mb << 20,
            processes=self.processes,
            packages=tuple(self.packages),
            disposable_machine=self.disposable_machine,
        )

    def _tests(self, answer: str) -> list[UnitTest]:
        """The tests that a label's answer holds or names.

        Raises:
            ValueError: no known shape, or a file that has changed.
            OSError: a file that is not there.
        """
        return parse_tests(self._text(answer))

    def _text(self, answer: str) -> str:
        """The tests' text: the answer itself, or the file that it names."""
        named = _FILE.fullmatch(answer.strip())
        if named is None:
            return answer
        name, path = Path(named[1]), Path(self.tests, named[1])
        if name.is_absolute() or ".." in name.parts or (path.exists() and not path.is_file()):
            raise ValueError(f"{named[1]} is no file below tests = {self.tests!r}")
        data = path.read_bytes()
        if (found := hashlib.sha256(data).hexdigest()) != named[2]:
            raise ValueError(f"{named[1]} has the hash {found[:12]}, the label says {named[2][:12]}")
        return data.decode("utf-8")
