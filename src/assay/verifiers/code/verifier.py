"""`code`: a program that passes its unit tests, run in a jail here or in an HTTP sandbox."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from assay.core.types import GradingCase, Label, Verdict
from assay.verifiers.answers.verdicts import Grade, settle_verdict
from assay.verifiers.code.programs import bind_methods, find_program
from assay.verifiers.code.runner import UnitResult, run_tests
from assay.verifiers.code.tests import UnitTest, parse_public_tests, parse_tests
from assay.verifiers.jail.launcher import Limits, explain_refusal

_FILE = re.compile(r"(\S.*)@sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Code:
    """Judge a program by its unit tests: correct where the last fenced program passes every test of the label.

    It is off unless the config says `grade.allow_code = true`. The label's answer holds the tests in one of the formats
    that docs/grading.md lists, or names a file of them below `tests` by its hash: `two_sum.json@sha256:...`. With
    `reward = "share"` all tests are run, and the reward is the share of the hidden tests that pass. Hidden are the
    tests that the label does not call public, or all where it calls none public. Correct is then a program that passes
    every public test and at least the share `threshold` of the hidden ones.

    The program runs alone, in a jail with its own root, and its answers are compared outside of it. Standard output is
    compared as text. The value of a call is compared with JSON by value and type: 1 equals 1.0, True equals neither, a
    tuple equals a list. Tests that are code run in a second jail: what the program returns reaches them as plain data
    of builtin types, which compare as in Python (1, 1.0 and True are equal, a list and a tuple are not); an object of
    the program's own class equals only objects like it. Using up the CPU time is wrong; reaching a wall time limit,
    which a busy machine can cause, is an error that the Grader retries once, alone. `docs/grading.md` has the rules,
    SECURITY.md the limits.

    Raises:
        ValueError: A limit is not positive, or the threshold lies outside (0, 1].
    """

    tests: str = ""  # folder of files of tests
    # all: 1 where every test passes, else 0; share: the share of hidden tests that pass
    reward: Literal["all", "share"] = "all"
    threshold: float = 1.0  # for "share": share of hidden tests that a correct program passes, (0, 1]
    cpu_s: float = 4.0  # CPU time per test, whole seconds
    wall_s: float = 10.0  # wall time per test
    limit_s: float = 60.0  # wall time per case, all tests
    memory_mb: int = 1024  # per process, and for all processes of a program together
    file_mb: int = 8  # per file, standard output included
    disk_mb: int = 64  # for all files together
    processes: int = 16
    packages: tuple[str, ...] = ()  # distributions that programs may import, such as numpy, and what these require
    sandbox_url: str = ""  # such as http://127.0.0.1:8080/run_code; "" = local jails
    # True: this machine may be lost, so programs run even where they cannot be isolated
    disposable_machine: bool = False

    version: ClassVar[str] = "3"
    dangerous: ClassVar[bool] = True  # runs programs that a model wrote: a Grader refuses it unless `allow_code` is set
    retries: ClassVar[bool] = True  # a case that reached its time limit is tried once more, alone

    def __post_init__(self) -> None:
        if min(self.cpu_s, self.wall_s, self.limit_s, self.memory_mb, self.file_mb, self.disk_mb, self.processes) <= 0:
            raise ValueError("all limits must be above 0")
        if not 0 < self.threshold <= 1:
            raise ValueError(f"threshold = {self.threshold:g} must lie in (0, 1]")

    def judge(self, case: GradingCase) -> Verdict:
        """Judge one case; takes as long as its tests, at most `wall_s` per test and `limit_s` for all."""
        return settle_verdict(case, self._grade, verifier="code", version=self.version)

    def reads(self, label: Label) -> bool:
        """Return whether the label has at least one test; nothing is run."""
        try:
            return bool(self._parse_tests(label.answer))
        except (ValueError, OSError):
            return False

    def label_fault(self, label: Label) -> str:
        """Return why a label's tests have no known shape; "" where they are read, or their file does not exist yet."""
        try:
            self._parse_tests(label.answer)
        except ValueError as error:
            return str(error)
        except OSError:
            return ""
        return ""

    def refusal(self) -> str:
        """Return why this machine cannot run programs, in one line with the remedy; "" where it can."""
        return "" if self.sandbox_url else explain_refusal(self._limits())

    def warm(self) -> None:
        """Start the launcher from which programs are started, before this process has seen any."""
        self.refusal()

    def _grade(self, case: GradingCase) -> Grade:
        program = find_program(case.rollout.text, finished=case.rollout.finish == "stop")
        if not program.strip():
            return Grade(None, reason="no program found")
        try:
            tests = bind_methods(self._parse_tests(case.label.answer), program)
        except (ValueError, OSError) as error:
            return Grade(None, program, f"tests: {error}", failed=True)
        limit_s = max(0.9 * self.limit_s, self.limit_s - 2)  # before the Grader kills this process
        results = run_tests(
            program, tests, self._limits(), limit_s=limit_s, sandbox_url=self.sandbox_url, stop=self.reward == "all"
        )
        if self.reward == "share":
            return self._grade_share(case.label.answer, program, tests, results)
        status, reason = results[-1]
        if status == "passed":
            return Grade(True, program, f"{len(tests)} tests")
        position = f"test {len(results)} of {len(tests)}"
        if status == "failed":
            return Grade(False, program, f"{position}: {reason}")
        return Grade(None, program, f"{reason} ({position})", failed=True)

    def _grade_share(self, answer: str, program: str, tests: list[UnitTest], results: list[UnitResult]) -> Grade:
        """Grade by the share of tests passed; one test that could not be run makes the whole an error."""
        for number, (status, reason) in enumerate(results, 1):
            if status not in ("passed", "failed"):
                return Grade(None, program, f"{reason} (test {number} of {len(tests)})", failed=True)
        public_tests = bind_methods(parse_public_tests(self._read_tests_text(answer)), program)
        passes = [result.status == "passed" for result in results]
        hidden_passes = [
            success for success, test in zip(passes, tests, strict=True) if test not in public_tests
        ] or passes
        share = sum(hidden_passes) / len(hidden_passes)
        correct = share >= self.threshold and all(
            success
            for success, test in zip(passes, tests, strict=True)
            if test in public_tests and hidden_passes is not passes
        )
        first_failure = next(
            (
                f"; test {number}: {result.reason}"
                for number, result in enumerate(results, 1)
                if result.status == "failed"
            ),
            "",
        )
        hidden = f"{sum(hidden_passes)} of {len(hidden_passes)} hidden tests"
        reason = f"{hidden}, {sum(passes)} of {len(passes)} in all{first_failure}"
        return Grade(correct, program, reason, reward=share)

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

    def _parse_tests(self, answer: str) -> list[UnitTest]:
        """Parse the tests that a label's answer holds or names.

        Raises:
            ValueError: The shape is not known, or the named file has changed.
            OSError: The named file does not exist.
        """
        return parse_tests(self._read_tests_text(answer))

    def _read_tests_text(self, answer: str) -> str:
        """Return the text of the tests: the answer itself, or the content of the file that it names."""
        reference = _FILE.fullmatch(answer.strip())
        if reference is None:
            return answer
        name, path = Path(reference[1]), Path(self.tests, reference[1])
        if name.is_absolute() or ".." in name.parts or (path.exists() and not path.is_file()):
            raise ValueError(f"{reference[1]} is not a file below tests = {self.tests!r}")
        data = path.read_bytes()
        if (digest := hashlib.sha256(data).hexdigest()) != reference[2]:
            raise ValueError(f"{reference[1]} has the hash {digest[:12]}, the label says {reference[2][:12]}")
        return data.decode("utf-8")
