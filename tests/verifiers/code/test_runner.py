"""Tests of programs: what honest ones get, per form of test, and how a process that dies is replaced."""

# ruff: noqa: E501  # a program is one line of a table

from dataclasses import replace
from pathlib import Path

import pytest

from assay.verifiers.code.runner import UnitResult, classify_timeout, run_tests, split_lines
from assay.verifiers.code.tests import AssertTest, CallTest, StdinTest
from assay.verifiers.isolation.idleness import RecentUsage
from assay.verifiers.jail.launcher import CPU_LIMIT_REASON, Ending, Limits, explain_refusal

LIMITS = Limits(cpu_s=2, wall_s=20, memory=256 << 20, file=1 << 20, disk=4 << 20, processes=6)
pytestmark = pytest.mark.skipif(bool(explain_refusal(LIMITS)), reason="no isolation here")
CLASSES = """
class Point:
    def __init__(self, x): self.x = x
    def up(self): self.x += 1; return self
    def __len__(self): return 3
class Odd(ValueError): pass
def make(x): return Point(x)
def count(n): yield from range(n)
def put(items): items.append(4)
def apply(function, x): return function(x) + 1
def sum(a, b): return a + b
def fail(): raise Odd("no")
class Solution:
    def twice(self, x): return [x, x]
"""


def statuses(program, *tests, **settings):
    return [result.status for result in run_tests(program, tests, LIMITS, stop=False, **settings)]


@pytest.mark.parametrize(
    "code",
    [
        "assert Point(1).up().x == 2 and len(make(1)) == 3",
        "assert make(2) == Point(2) and make(2) != Point(3) and make(2) != 2",
        "assert list(count(3)) == [0, 1, 2] and set(count(2)) == {0, 1}",
        "items = [1]\nput(items)\nassert items == [1, 4]",
        "assert apply(lambda x: x * 2, 4) == 9",
        "assert sum(10, 15) == 25",
        "assert math.isclose(apply(abs, -1.5), 2.5)",
        "try:\n    fail()\n    assert False\nexcept ValueError as error:\n    assert 'Odd: no' in str(error)",
        "try:\n    missing(1)\n    assert False\nexcept NameError: pass",
        "assert isinstance(make(1), Point) and not isinstance(3, Point)",
        "def check(candidate):\n    for number in range(3):\n        assert candidate(number).x == number\ncheck(make)",
        "assert Solution().twice('a') == ['a', 'a'] != ('a', 'a')",
        "assert make(1) in [Point(1)] and next(count(1)) == 0",
    ],
)
def test_code_of_a_test_meets_the_program_as_if_it_stood_beside_it(code):
    assert run_tests(CLASSES, [AssertTest(code)], LIMITS) == [("passed", "")]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("assert (", "SyntaxError"),
        ("make(object())", "gives the program a object"),
        ("import no_such_thing", "no_such_thing"),
        ("x = [1]\nmake(x.__class__)", "a type"),
    ],
)
def test_a_test_that_no_program_could_meet_is_its_own_fault(code, reason):
    status, why = run_tests(CLASSES, [AssertTest(code)], LIMITS)[0]
    assert (status, reason in why) == ("fault", True), why


def test_what_tests_measure_with_is_never_the_programs():
    sly = "class E:\n    __eq__ = lambda *_: True\nCounter = isclose = Decimal = datetime = sorted = math = np = lambda *_: E()\ndef count(*_): return []\ndef gcd(a, b): return 2"
    for code in (
        "Counter(count(2)) == Counter([0, 1])",
        "isclose(count(2), 2.0)",
        "sorted(count(2)) == [0, 1]",
        "math.isclose(count(1), 1)",
    ):
        assert statuses(sly, AssertTest(f"assert {code}")) == ["failed"], code
    assert statuses(CLASSES, AssertTest("assert Counter(count(2)) == Counter([0, 1])")) == ["passed"]
    judge = "class np:\n    allclose = lambda *_: True\ndef f(): return 1"
    assert run_tests(judge, [AssertTest("assert np.allclose(f(), 2)")], LIMITS) == [
        ("fault", "the test: the test uses numpy; name it in `packages`")
    ]
    assert statuses("def isclose(a, b): return 5", AssertTest("assert isclose(1, 2) == 5")) == ["passed"]
    assert statuses("def f(): import no_such_thing", AssertTest("f()")) == ["failed"]


def test_calls_compare_as_json_and_methods_are_called_on_a_new_object():
    tests = [
        CallTest("Solution.twice", (1,), [1, 1]),
        CallTest("Solution.twice", (1,), [1, 2]),
        CallTest("make", (1,), 1),
        CallTest("nothing", (), None),
    ]
    assert [tuple(result) for result in run_tests(CLASSES, tests, LIMITS, stop=False)] == [
        ("passed", ""), ("failed", "another value"), ("failed", "another value: Opaque"), ("failed", "KeyError: 'nothing'"),
    ]  # fmt: skip


ROWS = {  # of the page's table of values: (returned, expected in JSON, expected in Python)
    "1 and 1.0": [("1", 1.0, "1.0"), ("1.0", 1, "1")],
    "1 and True, 0 and False": [("True", 1, "1"), ("0", False, "False")],
    "0.1 + 0.2 and 0.3": [("0.1 + 0.2", 0.3, "0.3")],
    "(1, 2) and [1, 2]": [("(1, 2)", [1, 2], "[1, 2]")],
    "{1, 2} and [1, 2]": [("{1, 2}", [1, 2], "[1, 2]")],
    '{1: "a"} and {"1": "a"}': [("{1: 'a'}", {"1": "a"}, "{'1': 'a'}")],
}


@pytest.mark.parametrize("row", ROWS)
def test_values_compare_as_the_page_on_grading_says(row):
    page = (Path(__file__).parents[3] / "docs/grading.md").read_text(encoding="utf-8")
    calls, code = next(line.split("|")[2:4] for line in page.splitlines() if line.startswith(f"| {row} |"))
    for returned, as_json, as_python in ROWS[row]:
        program = f"def f(): return {returned}"
        expected = ["passed" if cell.strip().startswith("equal") else "failed" for cell in (calls, code)]
        assert statuses(program, CallTest("f", (), as_json), AssertTest(f"assert f() == {as_python}")) == expected


def test_a_program_that_is_run_for_calls_is_not_main_and_may_print():
    program = "import sys\nprint('noise', file=sys.stderr)\ndef f(x):\n    print('noise')\n    sys.stdout.close()\n    return x\nif __name__ == '__main__': input()"
    assert statuses(program, CallTest("f", (1,), 1), AssertTest("assert f('é\\ud800') == 'é\\ud800'")) == [
        "passed",
        "passed",
    ]


def test_one_process_serves_all_calls_and_one_that_dies_is_replaced():
    program = "import os\nseen = []\ndef f(x):\n    seen.append(x)\n    if x < 0: os._exit(0)\n    return len(seen)"
    assert statuses(program, *(CallTest("f", (x,), count) for x, count in ((1, 1), (1, 2), (-1, 0), (1, 1)))) == [
        "passed",
        "passed",
        "failed",
        "passed",
    ]


def test_a_program_whose_top_level_raises_is_loaded_once():
    results = run_tests(
        "raise KeyError(3)", [CallTest("f", (), 1)] * 50 + [AssertTest("assert f()")], LIMITS, stop=False
    )
    assert {tuple(result) for result in results} == {("failed", "KeyError: 3")}


def test_the_first_failure_ends_the_tests_unless_all_are_asked_for():
    tests = [StdinTest("", "1"), StdinTest("", "2"), StdinTest("", "1")]
    assert [result.status for result in run_tests("print(1)", tests, LIMITS)] == ["passed", "failed"]
    assert statuses("print(1)", *tests) == ["passed", "failed", "passed"]


@pytest.mark.service
def test_a_call_that_takes_all_cpu_time_fails_and_the_next_one_has_its_own():
    program = "def f(x):\n    while x: pass\n    return x"
    limits = Limits(cpu_s=1, wall_s=60, memory=256 << 20, file=1 << 20, disk=4 << 20, processes=6)
    results = run_tests(program, [CallTest("f", (x,), 0) for x in (0, 1, 0)], limits, stop=False)
    assert [result.status for result in results] == ["passed", "failed", "passed"]
    assert results[1].reason == "CPU time is used up"


def test_large_values_pass_both_ways():
    big = "x" * 300_000
    assert (
        statuses(
            "def f(x): return x",
            CallTest("f", (big,), big),
            AssertTest("assert len(f([0] * 100000)) == 100000 and f(10 ** 9999) == 10 ** 9999"),
        )
        == ["passed"] * 2
    )


def test_white_space_at_line_ends_does_not_count_and_lines_do():
    assert split_lines("1 \n2\n\n") == split_lines("1\n2") != split_lines("1 2")
    assert split_lines(" \n") == []


FORGED = """
import os, stat, struct, time
def f(*_): pass
def is_socket(number):
    try: return stat.S_ISSOCK(os.fstat(number).st_mode)
    except OSError: return False
channel = next(number for number in range(3, 64) if is_socket(number))
def say(text):
    raw = text.encode()
    os.write(channel, struct.pack(">I", len(raw)) + raw)
say('["t","value",null]')
"""
SAID = {
    "deep": """say('["t","raised",["l",["zz",' + "[" * {depth} + "]" * {depth} + ']],"x"]')""",
    "no text": """say('["t","raised",["l",1],2]')""",
    "another kind": """say('["t","call back",["l","a"],"b"]')""",
    "nothing": """say('["t","raised"]')""",
}


@pytest.mark.parametrize(
    "words", [SAID["deep"].replace("{depth}", str(depth)) for depth in (900, 960, 980)] + list(SAID.values())[1:]
)
def test_an_exception_of_another_shape_is_the_programs_failure(words):
    result = run_tests(f"{FORGED}{words}\ntime.sleep(9)", [CallTest("f", (), 1)], LIMITS)[0]
    assert (result.status, result.reason[:18]) == ("failed", "a malformed answer")


def test_a_program_that_forges_answers_changes_no_argument_beside_a_value():
    forged = "from assay.verifiers.jail import program_side as side\nside.VERBS['call'] = lambda *_: ([], ([],))\ndef f(items): return items"
    assert statuses(forged, AssertTest("items = [3, 1]\nassert f(items) == sorted(items)")) == ["failed"]
    other = forged.replace("([], ([],))", "5")
    assert statuses(other, AssertTest("try:\n    f([])\nexcept Exception:\n    pass")) == ["failed"]


def test_a_programs_exception_is_kept_short():
    assert (
        len(
            run_tests(
                "class E(Exception): pass\nE.__name__ = 'e' * 100_000\ndef f(): raise E", [CallTest("f", (), 1)], LIMITS
            )[0].reason
        )
        <= 300
    )


@pytest.mark.parametrize(
    ("program", "codes"),
    [
        ("def f(x): return 0\ndef sqrt(x): return 0", ["assert f(1) == sqrt(49)"]),
        ("def f(x): return 0\npi = 0", ["assert abs(f(1) - 2 * pi) < 1e-6"]),
        ("def f(x): return 0\ndef isnan(x): return True", ["assert isnan(f(1))"]),
        ("def f(x): return 0\ndef deepcopy(x): return 0", ["assert f(1) == deepcopy([7])"]),
        ("def f(x): return 0\ndef permutations(x): return []", ["assert list(permutations(f([1, 2]))) == []"]),
        ("def f(x): return 0\ndef all(x): return True", ["answer = f(1)\nassert True", "assert all([answer == 7])"]),
        ("import os\ndef f(x): os._exit(0)", ["try:\n    right = f(1) == 7\nexcept:\n    right = True\nassert right"]),
    ],
    ids=[
        "a function of the library",
        "its constant",
        "its judgement",
        "its copy",
        "its iterator",
        "a builtin, one test later",
        "an end that is caught",
    ],
)
def test_a_program_judges_itself_neither_by_a_name_of_the_library_nor_by_its_end(program, codes):
    assert statuses(program, *map(AssertTest, codes))[-1] == "failed"


def test_a_function_under_test_may_have_a_name_of_the_library():
    assert (
        statuses(
            "def gcd(a, b): return a + b",
            AssertTest("assert gcd(1, 2) == 3"),
            AssertTest("def check(f):\n    assert f(2, 2) == 4\ncheck(gcd)"),
        )
        == ["passed"] * 2
    )


def late(idle_s, computed_s=0.0, observed_s=20.0):
    return Ending("time limit 20 s", late=True, recent_usage=RecentUsage(idle_s, computed_s, observed_s))


def test_a_wait_is_the_programs_own_where_it_was_idle_for_half_of_it():
    own, machines = UnitResult("late", "time limit 20 s"), UnitResult("late", "time limit 20 s on a busy machine")
    assert classify_timeout(LIMITS, 20, late(19.0)) == classify_timeout(LIMITS, 20, late(10.0, 1.9)) == own
    assert classify_timeout(LIMITS, 20, late(9.0)) == classify_timeout(LIMITS, 20, late(0.0)) == machines


def test_of_a_last_test_that_had_little_time_left_only_that_time_counts():
    own, machines = UnitResult("late", "time limit 60 s"), UnitResult("late", "time limit 60 s on a busy machine")
    assert classify_timeout(LIMITS, 60, late(0.35, observed_s=0.4)) == own
    assert classify_timeout(LIMITS, 60, late(9.9, 3.0, 19.0)) == own
    assert classify_timeout(LIMITS, 60, late(0.1, observed_s=0.4)) == machines
    assert classify_timeout(LIMITS, 60, late(0.0, observed_s=0.0)) == machines
    reason = classify_timeout(LIMITS, 20, late(0.35, observed_s=0.4)).reason
    assert reason.endswith("on a busy machine"), "it started late"


def test_what_a_program_computes_or_has_its_tests_compute_is_not_the_machines_doing():
    """Without end asked and answered by turns, as by an iterator that never ends, each side computes for much of the time."""
    sides = late(18.1, 1.9), late(9.0, 11.0)
    assert classify_timeout(LIMITS, 20, *sides, served_s=9.0).reason == "time limit 20 s"
    assert (
        classify_timeout(LIMITS, 20, *sides).reason == "time limit 20 s on a busy machine"
    )  # tests that compute much by themselves
    assert classify_timeout(LIMITS, 20, late(8.5, 1.9)).reason == "time limit 20 s"
    assert (
        classify_timeout(LIMITS, 20, late(1.0, 1.9), late(20.0), served_s=0.1).reason
        == "time limit 20 s on a busy machine"
    )


def test_a_program_that_waits_for_its_tests_is_not_idle_by_choice():
    assert classify_timeout(LIMITS, 20, late(20.0), late(20.0)).reason == "time limit 20 s"
    assert classify_timeout(LIMITS, 20, late(20.0), late(2.0)).reason == "time limit 20 s on a busy machine"


def test_one_that_computed_for_longer_than_it_may_is_wrong_at_once():
    assert classify_timeout(LIMITS, 20, late(0.0, 2.0)) == UnitResult("failed", CPU_LIMIT_REASON)
    assert (
        classify_timeout(LIMITS, 7, late(7.0, 2.0)).status == "late"
    )  # the rest of a case's time: earlier tests computed as well
    assert classify_timeout(LIMITS, 20, Ending("MemoryError"), late(20.0)) == UnitResult("failed", "MemoryError")
    assert classify_timeout(LIMITS, 20, Ending("")) == UnitResult("failed", "the program has ended")
    assert classify_timeout(LIMITS, 20, Ending("jail: no", failed=True)).status == "fault"


SLEEPS = [
    "while True: time.sleep(9)",
    "threading.Event().wait()",
    "signal.pause()",
    "os.read(os.pipe()[0], 1)",
    "os.fork() or time.sleep(99); os.wait()",
]


@pytest.mark.service
@pytest.mark.parametrize("sleep", SLEEPS)
@pytest.mark.parametrize(
    "test",
    [StdinTest("", "3"), CallTest("f", (), 3), AssertTest("assert f() == 3")],
    ids=lambda test: type(test).__name__,
)
def test_each_way_to_wait_is_an_idle_one(sleep, test):
    program = f"import os, signal, threading, time\ndef f():\n    {sleep}\nif __name__ == '__main__': f()"
    limits = replace(LIMITS, wall_s=2)
    assert run_tests(program, [test], limits) == [UnitResult("late", "time limit 2 s")]


BURNS = "import resource, time\nresource.setrlimit(resource.RLIMIT_CPU, (resource.getrlimit(resource.RLIMIT_CPU)[1],) * 2)\ndef f():\n    while True: pass"


@pytest.mark.service
def test_cpu_time_saved_for_a_later_test_is_not_a_time_limit():
    """With many tests the limit of the whole process lies far off, and the limit of one test can be moved by the program itself."""
    results = run_tests(BURNS, [CallTest("f", (), 3)] * 40, replace(LIMITS, cpu_s=0.3, wall_s=6))
    assert results == [UnitResult("failed", CPU_LIMIT_REASON)]


@pytest.mark.service
def test_no_program_can_let_others_go_first_and_blame_the_machine():
    program = """
import os
for act in (lambda: os.nice(19), lambda: os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0)), lambda: os.sched_setaffinity(0, {0})):
    try: print("done", act())
    except OSError as error: print(error.errno)
"""
    assert [result.status for result in run_tests(program, [StdinTest("", "1\n1\n1")], LIMITS)] == ["passed"]
