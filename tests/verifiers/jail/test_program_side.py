"""What a program's own process answers when it is asked, in a process of its own as in a jail."""

import os
import socket
import sys

import pytest

from assay.verifiers.isolation.confinement import close_files
from assay.verifiers.jail.framing import Channel
from assay.verifiers.jail.program_side import ProgramServer, describe_state
from assay.verifiers.jail.wire_format import dump, load

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="programs are run on Linux only")
PROGRAM = """
import resource
class Odd(ValueError):
    def __str__(self): return self.args[0] if self.args else 1 / 0
class Point:
    __slots__ = ("x", "__dict__")
    def __init__(self, x=0): self.x = x; self.y = 2
    def __len__(self): return 3
    def __str__(self): return "point"
    def up(self, by): self.x += by; return self.x
def make(x): return Point(x)
def put(items, key): items[key] = 4
def fail(*words): raise Odd(*words)
def long(n): return "x" * n
def numbers(): yield 7
def apply(function, x): return function(x) + 1
def limit(): return resource.getrlimit(resource.RLIMIT_CPU)[0]
def leave(): raise SystemExit(3)
if __name__ == "__main__": fail("it is a script")
"""


@pytest.fixture
def asked():
    """Starts a program, and returns what answers a verb and its arguments; references are ("r", number)."""
    children = []

    def start(program=PROGRAM, cpu_s=1.0, most=1000):
        mine, theirs = socket.socketpair()
        child = os.fork()
        if not child:
            close_files([0, 1, 2, theirs.fileno()])
            ProgramServer(Channel(theirs.fileno()), cpu_s, most).run(program)
        theirs.close()
        children.append((child, mine))
        channel = Channel(mine.fileno())

        def ask(*question):
            if question:
                channel.send(dump(question, lambda value: value.tagged))
            return load(channel.receive(), tuple)

        return ask

    yield start
    for child, mine in children:
        mine.close()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "it ends when nobody asks any more"


class Tagged:
    def __init__(self, *tagged):
        self.tagged = list(tagged)


def test_the_top_level_is_run_once_as_a_module_and_says_how_that_went(asked):
    assert asked()() == ("value", None)
    kind, names, words = asked("import nowhere")()
    assert (kind, names[:2], words) == ("raised", ["ModuleNotFoundError", "ImportError"], "No module named 'nowhere'")
    assert asked("def (")()[1][0] == "SyntaxError"
    assert asked("raise SystemExit(0)")()[:2] == ("raised", ["SystemExit", "BaseException", "object"])


def test_calls_return_values_or_what_became_of_their_arguments(asked):
    ask = asked()
    ask()
    assert ask("call", "long", (3,), {}) == ("value", ("xxx", None))
    assert ask("call", "put", ({}, "a"), {}) == ("value", (None, ({"a": 4}, "a")))
    assert ask("call", "put", ([1, 2],), {"key": 0}) == ("value", (None, ([4, 2],)))
    assert ask("call", "Point.up", (5,), {}) == ("value", (5, None)), "a method is called on a new object"
    assert ask("call", "nothing", (), {})[:2] == (
        "raised",
        ["KeyError", "LookupError", "Exception", "BaseException", "object"],
    )


def test_an_object_stays_where_it_is_and_is_asked_for_its_parts(asked):
    ask = asked()
    ask()
    _, (point, _) = ask("call", "make", (1,), {})
    assert point == ("r", 0)
    there = Tagged("r", 0)
    assert ask("attribute", there, "x") == ("value", 1)
    assert ask("set attribute", there, "x", 9) == ("value", None)
    assert ask("length", there) == ("value", 3)
    assert ask("text", there) == ("value", "point")
    assert ask("state", there) == ("value", ("Point", {"x": 9, "y": 2}))
    assert ask("is a", there, Tagged("r", 0))[0] == "raised"
    _, (numbers, _) = ask("call", "numbers", (), {})
    assert ask("next", Tagged(*numbers)) == ("value", 7)
    assert ask("next", Tagged(*numbers))[1][0] == "StopIteration"


def test_an_exception_is_its_names_and_a_short_text(asked):
    ask = asked()
    ask()
    kind, names, words = ask("call", "fail", ("no" * 500,), {})
    assert (kind, names[:2], words) == ("raised", ["Odd", "ValueError"], "no" * 100)
    assert ask("call", "fail", (), {})[2] == "", "and one that has no text"
    assert ask("call", "leave", (), {})[1][0] == "SystemExit"
    assert ask("unknown verb")[1][0] == "KeyError"
    assert ask("call", "long", (1,), {})[0] == "value", "it answers on"


def test_an_answer_has_a_size(asked):
    ask = asked(most=100)
    ask()
    assert ask("call", "long", (50,), {})[0] == "value"
    kind, names, words = ask("call", "long", (1 << 20,), {})
    assert (kind, names) == ("raised", ["ValueError", "Exception"])
    assert words == "an answer of 1048603 bytes"


def test_a_function_of_the_tests_is_called_back_there(asked):
    mine, theirs = socket.socketpair()
    ask = asked()
    ask()
    assert ask("call", "apply", (Tagged("f", 2), 5), {}) == ("call back", 2, (5,))
    assert ask("value", 41) == ("value", (42, None))
    assert ask("call", "apply", (Tagged("f", 0), 5), {}) == ("call back", 0, (5,))
    assert ask("raised", ["ValueError"])[:2] == ("raised", ["RuntimeError", "Exception", "BaseException", "object"])
    mine.close()
    theirs.close()


def test_each_answer_has_cpu_time_of_its_own(asked):
    ask = asked(cpu_s=5.0)
    ask()
    _, (soft, _) = ask("call", "limit", (), {})
    assert soft in (5, 6)  # five seconds from here on, in whole ones


def test_a_state_is_the_class_and_all_attributes():
    class Plain:
        def __init__(self):
            self.a = 1

    class Slotted(Plain):
        __slots__ = ("b", "c")

    class Text(Slotted):
        __slots__ = "name"

    value = Text()
    value.b, value.name = 2, "n"
    assert describe_state(value) == (Text.__qualname__, {"a": 1, "b": 2, "name": "n"})
    assert describe_state(3) == ("int", {})
