"""Run a program against unit tests: it runs alone in a jail, and its answers are compared outside of it.

Each test of standard input has its own process. Tests that call a function share one process: it receives the calls one
after the other, and never what they should return. Tests that are code run in a second jailed process that calls the
first. A process that dies is replaced for the next test.
"""

import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from assay.verifiers.code.sandbox import ask_sandbox
from assay.verifiers.code.tests import AssertTest, CallTest, StdinTest, UnitTest
from assay.verifiers.code.value_equality import equals_expected
from assay.verifiers.jail.framing import Channel
from assay.verifiers.jail.launcher import (
    CPU_LIMIT_REASON,
    MAX_MESSAGE_BYTES,
    SHOWN_CHARS,
    Ending,
    IsolationUnavailable,
    JailedProgram,
    Limits,
    start_program,
)
from assay.verifiers.jail.wire_format import dump, load, load_json
from assay.verifiers.pool.replies import BUSY_MACHINE

Status = Literal["passed", "failed", "late", "fault"]
EXIT_WAIT_S = 2.0  # for the end of a process that has closed its socket


class UnitResult(NamedTuple):
    """The result of one test.

    `late` is a wall time limit, which a busy machine can cause; `fault` is an error of the jail or of the test, not of
    the program.
    """

    status: Status
    reason: str = ""


PASSED = UnitResult("passed")
MALFORMED_ERRORS = (
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    RecursionError,
)  # raised by reading an answer of an unexpected shape


def run_tests(
    program: str,
    tests: Sequence[UnitTest],
    limits: Limits,
    *,
    limit_s: float = 60.0,
    sandbox_url: str = "",
    stop: bool = True,
) -> list[UnitResult]:
    """Run a program against tests, in their order.

    Args:
        program: The program's text.
        tests: What it must do.
        limits: The limits of one test.
        limit_s: Wall seconds for all tests together.
        sandbox_url: An HTTP sandbox to use in place of local jails; "" for jails.
        stop: Whether to stop at the first test that does not pass.

    Returns:
        One result per test that was run.
    """
    deadline = time.monotonic() + limit_s
    results: list[UnitResult] = []
    with ProgramRun(program, limits, len(tests), sandbox_url) as run:
        for test in tests:
            results.append(run.run(test, deadline, limit_s))
            if stop and results[-1].status != "passed":
                break
    return results


class ProgramRun(ExitStack):
    """One program, and the processes that run it."""

    def __init__(self, program: str, limits: Limits, count: int, sandbox_url: str) -> None:
        super().__init__()
        self.program, self.limits, self.count, self.sandbox_url = program, limits, count, sandbox_url
        self.sessions: dict[type, CallSession | AssertSession] = {}
        self.broken = ""  # the exception that the program's top level raised

    def run(self, test: UnitTest, deadline: float, limit_s: float) -> UnitResult:
        """Run one test.

        Args:
            test: What the program must do.
            deadline: Moment of `time.monotonic` at which all tests must have ended.
            limit_s: The wall seconds that all tests have, for the message.
        """
        now = time.monotonic()
        until, wall_s = (
            min(now + self.limits.wall_s, deadline),
            self.limits.wall_s if now + self.limits.wall_s <= deadline else limit_s,
        )
        if now >= deadline:
            return UnitResult("late", f"time limit {limit_s:g} s")
        try:
            if self.sandbox_url:
                return _run_in_sandbox(self.sandbox_url, self.program, test, self.limits)
            if isinstance(test, StdinTest):
                return self._run_stdin(test, until, wall_s)
            return self._run_in_session(test, until, wall_s)
        except (IsolationUnavailable, OSError, ValueError) as error:
            return UnitResult("fault", str(error))

    def _run_stdin(self, test: StdinTest, until: float, wall_s: float) -> UnitResult:
        with start_program(self.program, self.limits, stdin=test.stdin) as jailed:
            ending = jailed.wait(until, wall_s)
            if ending.late:
                return classify_timeout(self.limits, wall_s, ending)
            if ending.reason:
                return _result_of_ending(ending)
            return pass_or_fail(split_lines(jailed.output(self.limits.file)) == split_lines(test.stdout))

    def _run_in_session(self, test: CallTest | AssertTest, until: float, wall_s: float) -> UnitResult:
        if self.broken:
            return UnitResult("failed", self.broken)
        if type(test) not in self.sessions:
            kind: type[CallSession | AssertSession] = CallSession if isinstance(test, CallTest) else AssertSession
            self.sessions[type(test)] = kind(self.program, self.limits, self.count)
            self.enter_context(self.sessions[type(test)])
        session = self.sessions[type(test)]
        result = session.run(test, until, wall_s)  # type: ignore[arg-type]  # the session for this kind of test
        self.broken = session.broken
        if session.over:
            del self.sessions[type(test)]
        return result


class JailSession(ExitStack):
    """Jailed processes that serve several tests; `over` is True once they can serve no further test."""

    def __init__(self) -> None:
        super().__init__()
        self.over, self.broken = False, ""

    def open_jail(
        self, program: str, limits: Limits, mode: str, *, cpu_s: float, channels: Sequence[socket.socket]
    ) -> JailedProgram:
        """Start a jailed process and give it sockets, which are then closed in this process."""
        with ExitStack() as stack:
            file_numbers = [stack.enter_context(channel).fileno() for channel in channels]
            jailed = start_program(program, limits, mode=mode, cpu_s=cpu_s, channels=file_numbers)
        return self.enter_context(jailed)

    def conclude_end(self, jailed: JailedProgram, fallback: str) -> UnitResult:
        """Return the result of a test during which a process ended, or stopped making sense."""
        self.over = True
        ending = jailed.wait(time.monotonic() + EXIT_WAIT_S, EXIT_WAIT_S)
        return UnitResult("failed", fallback) if ending.late or not ending.reason else _result_of_ending(ending)

    def conclude_timeout(
        self, limits: Limits, wall_s: float, *jails: JailedProgram, served_s: float = 0.0
    ) -> UnitResult:
        """Return the result of a test that ran out of wall time; the program's jail comes first in `jails`."""
        self.over = True
        endings = [jailed.wait(time.monotonic(), wall_s) for jailed in jails]
        return classify_timeout(limits, wall_s, *endings, served_s=served_s)

    def open_pair(self) -> tuple[socket.socket, socket.socket]:
        """Return the two ends of a new socket."""
        return socket.socketpair()


class CallSession(JailSession):
    """A program whose functions are called from this process."""

    def __init__(self, program: str, limits: Limits, count: int) -> None:
        super().__init__()
        own_end, far_end = self.open_pair()
        self.jailed = self.open_jail(program, limits, "calls", cpu_s=limits.cpu_s * count, channels=[far_end])
        self.channel = Channel(self.enter_context(own_end).fileno(), max_bytes=limits.file)
        self.limits, self.loaded = limits, False

    def run(self, test: CallTest, until: float, wall_s: float) -> UnitResult:
        """Call a function, and compare what it returns."""
        try:
            if not self.loaded and (self._receive_answer(until)[0]) == "raised":
                return UnitResult("failed", self.broken)
            self.loaded = True
            self.channel.send(dump(("call", test.function, tuple(test.arguments), {})), until)
            kind, answer = self._receive_answer(until)
        except TimeoutError:
            return self.conclude_timeout(self.limits, wall_s, self.jailed)
        except EOFError:
            return self.conclude_end(self.jailed, "the program has ended")
        except MALFORMED_ERRORS as error:
            self.over = True
            return UnitResult("failed", f"a malformed answer: {type(error).__name__}")
        if kind == "raised":
            return UnitResult("failed", answer)
        return pass_or_fail(
            matches_expected(answer, test),
            f"another value: {type(answer).__name__}" if type(answer) is Opaque else "another value",
        )

    def _receive_answer(self, until: float) -> tuple[str, Any]:
        """Return ("value", the value) or ("raised", the exception in one line)."""
        kind, *rest = load_json(self.channel.receive(until), Opaque)
        if kind == "value":
            return "value", rest[0][0] if self.loaded else None
        (name, *_), message = rest
        if kind != "raised" or not isinstance(name, str) or not isinstance(message, str):
            raise ValueError(kind)
        text = f"{name}: {message}".removesuffix(": ").split("\n")[0][:SHOWN_CHARS]
        self.broken = "" if self.loaded else text
        return "raised", text


class AssertSession(JailSession):
    """A program in one jailed process, and the tests of it in another."""

    def __init__(self, program: str, limits: Limits, count: int) -> None:
        super().__init__()
        self.limits = limits
        (asking_end, asked_end), (own_end, far_end) = self.open_pair(), self.open_pair()
        self.program = self.open_jail(program, limits, "calls", cpu_s=limits.cpu_s * count, channels=[asked_end])
        self.tests = self.open_jail("", limits, "tests", cpu_s=limits.cpu_s * count, channels=[far_end, asking_end])
        self.channel = Channel(self.enter_context(own_end).fileno(), max_bytes=MAX_MESSAGE_BYTES)
        self.served_s = 0.0  # CPU seconds that the tests have spent on serving the program

    def run(self, test: AssertTest, until: float, wall_s: float) -> UnitResult:
        """Run the code of one test."""
        before_s = self.served_s
        try:
            self.channel.send(dump(test.code), until)
            while (answer := load(self.channel.receive(until)))[0] == "served":
                self.served_s = answer[1]
            status, reason = answer
        except TimeoutError:
            served_s = self.served_s - before_s
            return self.conclude_timeout(self.limits, wall_s, self.program, self.tests, served_s=served_s)
        except EOFError:
            result = self.conclude_end(self.tests, "the tests have ended")
            return result._replace(reason=f"tests: {result.reason}")
        if status == "lost":
            return self.conclude_end(self.program, reason)
        if status == "broken":
            self.broken, self.over = reason, True
        return UnitResult(
            "failed" if status == "broken" else status, f"the test: {reason}" if status == "fault" else reason
        )


@dataclass(frozen=True)
class Opaque:
    """A returned object that is not plain data; it equals nothing that a label can hold."""

    reference: Any


def matches_expected(value: Any, test: CallTest) -> bool:
    """Return whether a call returned what its test expects.

    That is the expected value, or the only item of the list in which its label wraps every value.
    """
    return equals_expected(value, test.expected) or (test.wrapped and equals_expected(value, test.expected[0]))


def classify_timeout(limits: Limits, wall_s: float, *endings: Ending, served_s: float = 0.0) -> UnitResult:
    """Return the result of a test that ran out of wall time.

    Args:
        limits: The limits of one test.
        wall_s: The wall time that the test had.
        endings: How the program's process ended, and the tests' process where there is one.
        served_s: CPU seconds that the tests' process spent on serving the program.

    Returns:
        A failure where the program computed for longer than it may, or had ended in the meantime; else `late`. Its
        reason blames the machine where others' computing filled more than half of the time: neither the program nor
        what served it computed, nor did they wait idly. The last test of a case often has little time left: there
        only the time counts in which its processes were sampled.
    """
    if ended := next((ending for ending in endings if not ending.late), None):
        return _result_of_ending(ended) if ended.reason else UnitResult("failed", "the program has ended")
    had_full_time = wall_s == limits.wall_s
    if had_full_time and endings[0].recent_usage.computed_s >= limits.cpu_s:
        return UnitResult("failed", CPU_LIMIT_REASON)
    observed_s = wall_s if had_full_time else max(ending.recent_usage.observed_s for ending in endings)
    own_s = (endings[0].recent_usage.computed_s, served_s)
    others_s = sum(
        max(0.0, observed_s - ending.recent_usage.idle_s - computed_s)
        for ending, computed_s in zip(endings, own_s, strict=False)
    )
    waited_itself = observed_s > 0 and 2 * others_s <= observed_s
    return UnitResult("late", f"time limit {wall_s:g} s" + ("" if waited_itself else f" {BUSY_MACHINE}"))


def pass_or_fail(passed: bool, reason: str = "another output") -> UnitResult:
    """Return a passed result, or a failed one with its reason."""
    return PASSED if passed else UnitResult("failed", reason)


def split_lines(text: str) -> list[str]:
    """Split a text into lines, without white space at their ends and without empty lines at the end of the text."""
    return [line.rstrip() for line in text.rstrip().split("\n")] if text.strip() else []


def _result_of_ending(ending: Ending) -> UnitResult:
    return UnitResult("fault" if ending.failed else "late" if ending.late else "failed", ending.reason)


def _run_in_sandbox(url: str, program: str, test: UnitTest, limits: Limits) -> UnitResult:
    """Run one test in an HTTP sandbox."""
    ending, output = ask_sandbox(url, program, test, limits)
    if ending.reason:
        return _result_of_ending(ending)
    if isinstance(test, StdinTest):
        return pass_or_fail(split_lines(output) == split_lines(test.stdout))
    if isinstance(test, AssertTest):
        return pass_or_fail(output == "passed")
    try:
        kind, content = load_json(output.encode(), Opaque)
        return pass_or_fail(
            kind == "value" and matches_expected(content, test), "another value" if kind == "value" else str(content)
        )
    except MALFORMED_ERRORS as error:
        return UnitResult("failed", f"a malformed answer: {type(error).__name__}")
