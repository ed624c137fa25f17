"""Run a program against unit tests: it runs alone, and what it answers is compared where it cannot reach.

A test of standard input has a process of its own. Tests that call a function share one process: it sees calls, one after the other, and
never what they should return. Tests that are code run in a second jailed process that asks the first. A process that dies is replaced
for the next test.
"""

import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from assay.verifiers.code.sandbox import ask_sandbox
from assay.verifiers.code.tests import AssertTest, CallTest, StdinTest, UnitTest
from assay.verifiers.code.value_equality import same_value
from assay.verifiers.jail.framing import Channel
from assay.verifiers.jail.launcher import CPU_OUT, MESSAGE, SHOWN, Ending, Jailed, Limits, NoIsolation, start
from assay.verifiers.jail.wire_format import dump, load, load_json
from assay.verifiers.pool.replies import BUSY_MACHINE

Status = Literal["passed", "failed", "late", "fault"]
ENDING_S = 2.0  # a process that has closed its socket is about to end


class UnitResult(NamedTuple):
    """What one test says: `late` is a time limit, which load can bring about; `fault` is the jail's or the test's, not the program's."""

    status: Status
    reason: str = ""


PASSED = UnitResult("passed")
MALFORMED = (
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    RecursionError,
)  # what reading an answer of another shape raises


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
        program: its text.
        tests: what it must do.
        limits: of one test.
        limit_s: wall seconds of all tests together.
        sandbox_url: an HTTP sandbox in the place of jails here.
        stop: whether the first test that is not passed is the last one run.

    Returns:
        One result per test that was run.
    """
    end = time.monotonic() + limit_s
    results: list[UnitResult] = []
    with ProgramRun(program, limits, len(tests), sandbox_url) as run:
        for test in tests:
            results.append(run.run(test, end, limit_s))
            if stop and results[-1].status != "passed":
                break
    return results


class ProgramRun(ExitStack):
    """One program, and the processes that run it."""

    def __init__(self, program: str, limits: Limits, count: int, sandbox_url: str) -> None:
        super().__init__()
        self.program, self.limits, self.count, self.sandbox_url = program, limits, count, sandbox_url
        self.sessions: dict[type, CallSession | AssertSession] = {}
        self.broken = ""  # what the program's top level raises

    def run(self, test: UnitTest, end: float, limit_s: float) -> UnitResult:
        """The result of one test, by a moment of `time.monotonic` at the latest."""
        now = time.monotonic()
        until, wall_s = (
            min(now + self.limits.wall_s, end),
            self.limits.wall_s if now + self.limits.wall_s <= end else limit_s,
        )
        if now >= end:
            return UnitResult("late", f"time limit {limit_s:g} s")
        try:
            if self.sandbox_url:
                return _sent(self.sandbox_url, self.program, test, self.limits)
            if isinstance(test, StdinTest):
                return self._stdin(test, until, wall_s)
            return self._session(test, until, wall_s)
        except (NoIsolation, OSError, ValueError) as error:
            return UnitResult("fault", str(error))

    def _stdin(self, test: StdinTest, until: float, wall_s: float) -> UnitResult:
        with start(self.program, self.limits, stdin=test.stdin) as jailed:
            ending = jailed.wait(until, wall_s)
            if ending.late:
                return too_late(self.limits, wall_s, ending)
            if ending.reason:
                return _of_ending(ending)
            return judged(lines(jailed.output(self.limits.file)) == lines(test.stdout))

    def _session(self, test: CallTest | AssertTest, until: float, wall_s: float) -> UnitResult:
        if self.broken:
            return UnitResult("failed", self.broken)
        if type(test) not in self.sessions:
            kind: type[CallSession | AssertSession] = CallSession if isinstance(test, CallTest) else AssertSession
            self.sessions[type(test)] = kind(self.program, self.limits, self.count)
            self.enter_context(self.sessions[type(test)])
        session = self.sessions[type(test)]
        result = session.run(test, until, wall_s)  # type: ignore[arg-type]  # the session of its kind
        self.broken = session.broken
        if session.over:
            del self.sessions[type(test)]
        return result


class JailSession(ExitStack):
    """Jailed processes that serve several tests; `over` once no further test can be served."""

    def __init__(self) -> None:
        super().__init__()
        self.over, self.broken = False, ""

    def opened(
        self, program: str, limits: Limits, mode: str, *, cpu_s: float, channels: Sequence[socket.socket]
    ) -> Jailed:
        """A jailed process that is given sockets, which are closed here."""
        with ExitStack() as stack:
            files = [stack.enter_context(channel).fileno() for channel in channels]
            jailed = start(program, limits, mode=mode, cpu_s=cpu_s, channels=files)
        return self.enter_context(jailed)

    def ended(self, jailed: Jailed, fallback: str) -> UnitResult:
        """The result of a test during which a process has ended, or has stopped to make sense."""
        self.over = True
        ending = jailed.wait(time.monotonic() + ENDING_S, ENDING_S)
        return UnitResult("failed", fallback) if ending.late or not ending.reason else _of_ending(ending)

    def stopped(self, limits: Limits, wall_s: float, *jails: Jailed, served_s: float = 0.0) -> UnitResult:
        """The result of a test that has run out of wall time; the program's jail comes first."""
        self.over = True
        endings = [jailed.wait(time.monotonic(), wall_s) for jailed in jails]
        return too_late(limits, wall_s, *endings, served_s=served_s)

    def pair(self) -> tuple[socket.socket, socket.socket]:
        """Two ends of a new socket."""
        return socket.socketpair()


class CallSession(JailSession):
    """A program whose functions are called from here."""

    def __init__(self, program: str, limits: Limits, count: int) -> None:
        super().__init__()
        mine, theirs = self.pair()
        self.jailed = self.opened(program, limits, "calls", cpu_s=limits.cpu_s * count, channels=[theirs])
        self.channel = Channel(self.enter_context(mine).fileno(), most=limits.file)
        self.limits, self.loaded = limits, False

    def run(self, test: CallTest, until: float, wall_s: float) -> UnitResult:
        """Call a function, and compare what it returns."""
        try:
            if not self.loaded and (self._answer(until)[0]) == "raised":
                return UnitResult("failed", self.broken)
            self.loaded = True
            self.channel.send(dump(("call", test.function, tuple(test.arguments), {})), until)
            kind, value = self._answer(until)
        except TimeoutError:
            return self.stopped(self.limits, wall_s, self.jailed)
        except EOFError:
            return self.ended(self.jailed, "the program has ended")
        except MALFORMED as error:
            self.over = True
            return UnitResult("failed", f"a malformed answer: {type(error).__name__}")
        if kind == "raised":
            return UnitResult("failed", value)
        return judged(
            as_expected(value, test),
            f"another value: {type(value).__name__}" if type(value) is Opaque else "another value",
        )

    def _answer(self, until: float) -> tuple[str, Any]:
        """(value, it) or (raised, its words)."""
        kind, *rest = load_json(self.channel.receive(until), Opaque)
        if kind == "value":
            return "value", rest[0][0] if self.loaded else None
        (name, *_), words = rest
        if kind != "raised" or not isinstance(name, str) or not isinstance(words, str):
            raise ValueError(kind)
        text = f"{name}: {words}".removesuffix(": ").split("\n")[0][:SHOWN]
        self.broken = "" if self.loaded else text
        return "raised", text


class AssertSession(JailSession):
    """A program in one process, and tests of it in another."""

    def __init__(self, program: str, limits: Limits, count: int) -> None:
        super().__init__()
        self.limits = limits
        (asking, asked), (mine, theirs) = self.pair(), self.pair()
        self.program = self.opened(program, limits, "calls", cpu_s=limits.cpu_s * count, channels=[asked])
        self.tests = self.opened("", limits, "tests", cpu_s=limits.cpu_s * count, channels=[theirs, asking])
        self.channel = Channel(self.enter_context(mine).fileno(), most=MESSAGE)
        self.served_s = 0.0  # CPU seconds that the tests have spent on serving the program

    def run(self, test: AssertTest, until: float, wall_s: float) -> UnitResult:
        """Run a test's code."""
        before_s = self.served_s
        try:
            self.channel.send(dump(test.code), until)
            while (answer := load(self.channel.receive(until)))[0] == "served":
                self.served_s = answer[1]
            status, reason = answer
        except TimeoutError:
            served_s = self.served_s - before_s
            return self.stopped(self.limits, wall_s, self.program, self.tests, served_s=served_s)
        except EOFError:
            result = self.ended(self.tests, "the tests have ended")
            return result._replace(reason=f"tests: {result.reason}")
        if status == "lost":
            return self.ended(self.program, reason)
        if status == "broken":
            self.broken, self.over = reason, True
        return UnitResult(
            "failed" if status == "broken" else status, f"the test: {reason}" if status == "fault" else reason
        )


@dataclass(frozen=True)
class Opaque:
    """A returned object that is no plain data; it equals nothing that a label can hold."""

    reference: Any


def as_expected(value: Any, test: CallTest) -> bool:
    """Whether a call has returned what its test expects: the value, or the only item of the list in which its label wraps every value."""
    return same_value(value, test.expected) or (test.wrapped and same_value(value, test.expected[0]))


def too_late(limits: Limits, wall_s: float, *endings: Ending, served_s: float = 0.0) -> UnitResult:
    """What a test that has run out of wall time amounts to.

    Args:
        limits: of one test.
        wall_s: the time that it had.
        endings: of the program's process, and of the tests' where they have one.
        served_s: CPU seconds that the tests' process spent on serving the program.

    Returns:
        A failure where the program computed for longer than it may, or had ended meanwhile; else `late`, whose reason names the machine where
        less than half of the time was an idle wait of all of them, or computing of the program's own and for it. What is left to the last test
        of a case is often short: there the time counts in which its processes were looked at.
    """
    if gone := next((ending for ending in endings if not ending.late), None):
        return _of_ending(gone) if gone.reason else UnitResult("failed", "the program has ended")
    whole = wall_s == limits.wall_s
    if whole and endings[0].spending.computed_s >= limits.cpu_s:
        return UnitResult("failed", CPU_OUT)
    seen_s = wall_s if whole else max(ending.spending.seen_s for ending in endings)
    own_s = (endings[0].spending.computed_s, served_s)
    others_s = sum(
        max(0.0, seen_s - ending.spending.idle_s - computed_s)
        for ending, computed_s in zip(endings, own_s, strict=False)
    )
    own = seen_s > 0 and 2 * others_s <= seen_s
    return UnitResult("late", f"time limit {wall_s:g} s" + ("" if own else f" {BUSY_MACHINE}"))


def judged(passed: bool, reason: str = "another output") -> UnitResult:
    """Passed, or failed for a reason."""
    return PASSED if passed else UnitResult("failed", reason)


def lines(text: str) -> list[str]:
    """Lines without white space at their ends and without empty ones at the end of the text."""
    return [line.rstrip() for line in text.rstrip().split("\n")] if text.strip() else []


def _of_ending(ending: Ending) -> UnitResult:
    return UnitResult("fault" if ending.failed else "late" if ending.late else "failed", ending.reason)


def _sent(url: str, program: str, test: UnitTest, limits: Limits) -> UnitResult:
    """The result of one test in an HTTP sandbox."""
    ending, answer = ask_sandbox(url, program, test, limits)
    if ending.reason:
        return _of_ending(ending)
    if isinstance(test, StdinTest):
        return judged(lines(answer) == lines(test.stdout))
    if isinstance(test, AssertTest):
        return judged(answer == "passed")
    try:
        kind, content = load_json(answer.encode(), Opaque)
        return judged(
            kind == "value" and as_expected(content, test), "another value" if kind == "value" else str(content)
        )
    except MALFORMED as error:
        return UnitResult("failed", f"a malformed answer: {type(error).__name__}")
