"""`code`: a program that passes all of its unit tests, run in a jail here or in an HTTP sandbox."""

import hashlib
import re
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from assay.core.types import Case, Label, Verdict
from assay.verifiers._code_runner import run_tests
from assay.verifiers._code_tests import UnitTest, parse_tests
from assay.verifiers._launcher import Limits, refusal
from assay.verifiers._rules import Grade, settle

_FENCE = re.compile(r"^[ \t]*```[ \t]*(?:python3?|py)?[ \t]*\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE | re.IGNORECASE)
_BARE = re.compile(r"\s*(?:import |from \w+ import |def |class |print\()")
_FILE = re.compile(r"(\S.*)@sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Code:
    """Correct where the last fenced program passes every test of the label; off unless the plan says `grade.allow_code = true`.

    The label's answer is JSON: a list of {"input", "output"} (standard input and output, compared without white space at line ends), the
    hub's {"inputs": [...], "outputs": [...]}, or {"asserts": ["assert f(1) == 2", ...]}; or it names a file of such JSON by its hash,
    `two_sum.json@sha256:...`, below `tests`.

    The program runs alone, in a jail with a root of its own, and what it answers is compared outside. Standard output compares as text.
    The value of a call compares with JSON by value and type: 1 is 1.0, True is neither, a tuple is a list. Tests that are code run
    in a second jail: what the program returns reaches them as plain data of builtin types, which compare as Python compares them (1, 1.0 and
    True are equal, a list and a tuple are not); an object of the program's own equals nothing but its like. CPU time used up is wrong; a wall
    limit, which load can bring about, is an error that the Grader retries once alone. `docs/grading.md` has the rules, SECURITY.md the limits.

    Raises:
        ValueError: a limit that is not positive.
    """

    tests: str = ""  # folder of tests files
    cpu_s: float = 4.0  # of one test, whole seconds
    wall_s: float = 10.0  # of one test
    limit_s: float = 60.0  # of one case, all tests
    memory_mb: int = 1024  # of one process, and of all of a program's together
    file_mb: int = 8  # of one file, standard output included
    disk_mb: int = 64  # of all files
    processes: int = 16
    packages: tuple[str, ...] = ()  # distributions that programs may import, such as numpy; what they require comes along
    sandbox_url: str = ""  # such as http://127.0.0.1:8080/run_code; "" = jails here
    disposable_machine: bool = False  # True: where programs cannot be isolated they run without, since this machine may be lost

    version: ClassVar[str] = "2"
    dangerous: ClassVar[bool] = True  # runs what a model wrote: a Grader refuses it unless it is told otherwise
    retries: ClassVar[bool] = True  # a time limit is tried once more, alone

    def __post_init__(self) -> None:
        if min(self.cpu_s, self.wall_s, self.limit_s, self.memory_mb, self.file_mb, self.disk_mb, self.processes) <= 0:
            raise ValueError("every limit must be positive")

    def judge(self, case: Case) -> Verdict:
        """The verdict of one case; takes as long as the tests, at most `wall_s` each and `limit_s` together."""
        return settle(case, self._grade, verifier="code", version=self.version)

    def reads(self, label: Label) -> bool:
        """Whether there is at least one test; nothing is run."""
        try:
            return bool(self._tests(label.answer))
        except (ValueError, OSError):
            return False

    def refusal(self) -> str:
        """Why this machine may not run programs, in one line with the way out; "" where it may."""
        return "" if self.sandbox_url else refusal(self._limits())

    def warm(self) -> None:
        """Start what programs are started from, in a process that has seen none."""
        self.refusal()

    def _grade(self, case: Case) -> Grade:
        program = last_program(case.rollout.text, finished=case.rollout.finish == "stop")
        if not program.strip():
            return Grade(None, reason="no program found")
        try:
            tests = self._tests(case.label.answer)
        except (ValueError, OSError) as error:
            return Grade(None, program, f"tests: {error}", failed=True)
        limit_s = max(0.9 * self.limit_s, self.limit_s - 2)  # before the Grader ends this process
        results = run_tests(program, tests, self._limits(), limit_s=limit_s, sandbox_url=self.sandbox_url)
        status, reason = results[-1]
        if status == "passed":
            return Grade(True, program, f"{len(tests)} tests")
        where = f"test {len(results)} of {len(tests)}"
        if status == "failed":
            return Grade(False, program, f"{where}: {reason}")
        return Grade(None, program, f"{reason} ({where})", failed=True)

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
            ValueError: no JSON of a known shape, or a file that has changed.
            OSError: a file that is not there.
        """
        if named := _FILE.fullmatch(answer.strip()):
            data = Path(self.tests, named[1]).read_bytes()
            if (found := hashlib.sha256(data).hexdigest()) != named[2]:
                raise ValueError(f"{named[1]} has the hash {found[:12]}, the label says {named[2][:12]}")
            answer = data.decode("utf-8")
        return parse_tests(answer)


def last_program(text: str, *, finished: bool) -> str:
    """The last fenced block, else a whole text that starts like a program; a block that a cut left open is none.

    >>> last_program("So:\\n```python\\nprint(1)\\n```\\nDone.", finished=True)
    'print(1)\\n'
    """
    last = next(iter(deque(_FENCE.finditer(text), maxlen=1)), None)
    if last is not None:
        closed = last.group(0).rstrip().endswith("```")
        return last.group(1) if closed or finished else ""
    return text if finished and _BARE.match(text) else ""
