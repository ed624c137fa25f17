"""Tests that are code, beside a program in another process: what they may trust, and how they end."""

import os
import socket
import sys
import threading

import pytest

from assay.verifiers.isolation.confinement import close_files
from assay.verifiers.jail import tests_side
from assay.verifiers.jail.framing import Channel
from assay.verifiers.jail.program_side import ProgramServer
from assay.verifiers.jail.tests_side import (
    Namespace,
    ProgramBroken,
    ProgramLost,
    RemoteProgram,
    describe_error,
    run_test,
    serve,
)
from assay.verifiers.jail.wire_format import dump, load

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="programs are run on Linux only")
PROGRAM = """
class Same:
    __eq__ = __lt__ = __contains__ = lambda *_: True
    __hash__ = lambda self: 3
    def __init__(self, x=0): self.x = x
    def __len__(self): return 3
    def __getitem__(self, key): return self.x
def add(a, b): return a + b
def same(x=0): return Same(x)
def put(items): items.append(4)
def apply(function, x): return function(x)
def fail(name): raise __builtins__[name]("no") if isinstance(__builtins__, dict) else getattr(__builtins__, name)("no")
def leave(): import os; os._exit(0)
def sqrt(x): return 3
"""


@pytest.fixture
def beside():
    """Starts a program, and returns what stands for it on the tests' side."""
    children = []

    def start(program=PROGRAM):
        mine, theirs = socket.socketpair()
        child = os.fork()
        if not child:
            close_files([0, 1, 2, theirs.fileno()])
            ProgramServer(Channel(theirs.fileno()), 9.0, 1 << 20).run(program)
        theirs.close()
        children.append((child, mine))
        return RemoteProgram(Channel(mine.fileno()))

    yield start
    for child, mine in children:
        mine.close()
        os.waitpid(child, 0)


@pytest.fixture
def names(beside):
    program = beside()
    program.start()
    return Namespace(program)


@pytest.mark.parametrize(
    "code",
    [
        "assert add(1, 2) == 3 and add(a=1, b=2) == 3",
        "assert same() != 3 and not same() == 3 and same() == same() and same(1) != same(2)",
        "items = []\nput(items)\nassert items == [4]",
        "assert apply(lambda x: x + 1, 2) == 3 and apply(len, [1]) == 1",
        "assert len(same()) == 3 and same(5)[0] == 5 and same(5).x == 5",
        "s = same()\ns.x = 8\nassert s.x == 8",
        "try: fail('ValueError')\nexcept ValueError as error: assert str(error) == 'no'",
        "try: fail('StopIteration')\nexcept RuntimeError: pass",
        "assert isinstance(same(), Same) and not isinstance(3, Same)",
        "x = add(1, 2)",
    ],
)
def test_a_test_that_holds_has_passed(names, code):
    assert run_test(code, names) == ("passed", "")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("assert same() == 3", "AssertionError"),
        ("assert same() in [3] or [3][0] == same()", "AssertionError"),
        ("assert {same(): 1} == {3: 1}", "AssertionError"),
        ("assert same() < 3", "TypeError: '<' not supported between instances of 'Remote' and 'int'"),
        ("assert abs(same() - 3) < 1", "TypeError: unsupported operand type(s) for -: 'Remote' and 'int'"),
        ("fail('SystemExit')", "RuntimeError: SystemExit: no"),
        ("fail('ImportError')", "ImportError: no"),
        ("missing()", "NameError: name 'missing' is not defined"),
        ("assert f(sqrt(9)) == 3 if False else sqrt(9) == 4", "AssertionError"),
        ("add(1, 2)\nraise SystemExit(0)", "SystemExit: 0"),
    ],
)
def test_a_test_that_does_not_hold_has_failed_with_its_words(names, code, reason):
    assert run_test(code, names) == ("failed", reason)


@pytest.mark.parametrize("code", ["assert (", "add(object(), 1)", "import no_such_module", "x = 1\0"])
def test_a_test_that_no_program_could_meet_is_its_own_fault(names, code):
    assert run_test(code, names)[0] == "fault"


def test_a_program_that_leaves_is_lost_whatever_the_test_catches(names):
    with pytest.raises(ProgramLost, match="the program has ended"):
        run_test("try: leave()\nexcept BaseException: pass", names)
    with pytest.raises(ProgramLost):
        run_test("add(1, 2)", names)


def test_a_program_whose_top_level_raises_is_broken(beside):
    with pytest.raises(ProgramBroken, match="ZeroDivisionError"):
        beside("1 / 0").start()


@pytest.mark.parametrize(
    "message",
    [
        b"nonsense",
        b"[]",
        b'["t"]',
        b'["t","value"]',
        b'["t","raised",["l"],"x"]',
        b'["t","raised","ValueError","x"]',
        b'["t","call back","0",["t"]]',
        b'["t","value",["r","0"]]',
        b'["t","other",1]',
    ],
)
def test_an_answer_of_another_shape_loses_the_program(message):
    mine, theirs = socket.socketpair()
    program, far = RemoteProgram(Channel(mine.fileno())), Channel(theirs.fileno())
    far.send(message)
    with pytest.raises(ProgramLost, match="a malformed answer"):
        program.ask("name", "add")
    assert program.loss
    mine.close()
    theirs.close()


def test_what_serving_a_program_costs_is_told_from_what_tests_compute(names, monkeypatch):
    notes = []
    monkeypatch.setattr(tests_side, "NOTE_S", 0.0)
    names.program.note = notes.append
    assert run_test("for _ in range(200): add(1, 2)", names)[0] == "passed"
    assert len(notes) >= 200
    assert notes == sorted(notes)
    served_s = names.program.served_s
    assert 0 < served_s == notes[-1]
    assert run_test("number = 0\nwhile number < 300_000: number += 1", names)[0] == "passed"
    assert names.program.served_s == served_s
    assert run_test("apply(lambda x: [number for number in range(300_000)][0], 1)", names)[0] == "passed"
    assert names.program.served_s > served_s, "a function that the program calls back is in its service"
    assert names.program.began is None


def test_tests_are_run_in_their_order_until_nobody_asks(beside):
    mine, theirs = socket.socketpair()
    parent = Channel(mine.fileno())
    over = []

    def run():
        try:
            serve(Channel(theirs.fileno()), program)
        except EOFError:
            over.append(True)

    program = beside()
    thread = threading.Thread(target=run)
    thread.start()
    for code, answer in (
        ("x = add(1, 2)", "passed"),
        ("assert x == 3", "passed"),
        ("assert x == 4", "failed"),
        ("leave()", "lost"),
    ):
        parent.send(dump(code))
        assert load(parent.receive())[0] == answer
    mine.close()
    thread.join(10)
    assert over == [True]
    theirs.close()


def test_words_are_one_line():
    assert describe_error(ValueError("a\nb")) == "ValueError: a"
    assert describe_error(ValueError()) == "ValueError"
