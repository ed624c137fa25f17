"""Published formats of unit tests: each is read as docs/grading.md says, and what is no known shape is refused by name."""

import json
import re
import time
from pathlib import Path

import pytest

from assay.verifiers.code.tests import AssertTest, CallTest, StdinTest, parse_public_tests, parse_tests

PAGE = (
    (Path(__file__).parents[3] / "docs/grading.md")
    .read_text(encoding="utf-8")
    .partition("### Which tests a label holds")[2]
)
KINDS = {"AssertTest": AssertTest, "CallTest": CallTest, "StdinTest": StdinTest}


def rows(page: str, head: str) -> list[list[str]]:
    """The cells of the table under a head."""
    body = page.partition(head)[2].partition("\n\n")[0]
    lines = [line for line in body.splitlines() if line.startswith("| ")]
    return [re.split(r"(?<!\\) \| ", line.strip().strip("|").strip()) for line in lines]


READ = rows(PAGE.partition("### Which part")[0], "| format | label | tests |")
REFUSED = rows(PAGE.partition("### Which part")[0], "| refused | label | because |")


def test_the_page_has_its_tables() -> None:
    assert (len(READ), len(REFUSED)) == (18, 9)


@pytest.mark.parametrize(("format_", "label", "tests"), READ, ids=[row[0][:40] for row in READ])
def test_a_format_of_the_page_is_read_as_the_page_says(format_: str, label: str, tests: str) -> None:
    assert parse_tests(label.strip("`")) == eval(tests.strip("`"), dict(KINDS))


@pytest.mark.parametrize(("what", "label", "because"), REFUSED, ids=[row[0] for row in REFUSED])
def test_a_shape_that_the_page_refuses_is_refused_by_name(what: str, label: str, because: str) -> None:
    with pytest.raises(ValueError, match=re.escape(because)):
        parse_tests(label.strip("`"))


def test_statements_before_an_assertion_stand_before_it_and_later_ones_too() -> None:
    text = "import math\nx = add(1, 2)\nassert x == 3\ny = add(x, 1)\nassert y == 4"
    assert parse_tests(text) == [
        AssertTest("import math\nx = add(1, 2)\nassert x == 3"),
        AssertTest("import math\nx = add(1, 2)\ny = add(x, 1)\nassert y == 4"),
    ]


def test_a_check_that_calls_itself_needs_no_entry_point() -> None:
    (test,) = parse_tests("def check(candidate):\n    assert candidate(1) == 1\n\ncheck(same)")
    assert test.code.count("check(same)") == 1


def test_one_result_of_several_in_a_list_of_its_own_is_not_wrapped() -> None:
    tests = parse_tests(json.dumps({"fn_name": "f", "inputs": [[1], [2]], "outputs": [[1], [1, 2]]}))
    assert [test.wrapped for test in tests] == [False, False]


def test_lines_as_a_list_and_truth_values_are_printed() -> None:
    assert parse_tests('{"inputs": [["2", "1 2", 3]], "outputs": [true]}') == [StdinTest("2\n1 2\n3", "True")]


def test_kinds_may_differ_within_one_list() -> None:
    rows = [
        {"input": "1", "output": "1", "type": "stdin_stdout"},
        {"fn_name": "f", "input": "[1, [2]]", "output": "3", "type": "function_call"},
    ]
    assert parse_tests(json.dumps(rows)) == [StdinTest("1", "1"), CallTest("f", (1, [2]), 3)]


def test_public_and_private_tests_of_one_object_are_joined() -> None:
    test, two = ([{"input": name, "output": name, "testtype": "stdin"}] for name in "ab")
    label = json.dumps({"public_test_cases": json.dumps(test), "private_test_cases": two})
    assert parse_tests(label) == [StdinTest("a", "a"), StdinTest("b", "b")]


@pytest.mark.parametrize(
    ("label", "why"),
    [
        ('{"inputs": [{"a": 1}], "outputs": ["1"]}', "a string, a number or a list of lines"),
        ('[{"input": "1"}]', "no output"),
        ("[1, 2]", "objects or assertions"),
        ('["add(1, 2)"]', "no assertion"),
        ('{"fn_name": "os.system(1)", "inputs": [[1]], "outputs": [1]}', "is not the name of a function"),
        ('{"fn_name": "f", "inputs": ["abc"], "outputs": ["1"]}', "neither JSON nor a Python literal"),
        ('{"fn_name": "f", "input": [1, 2], "output": [1, 2]}', "one call or several"),
        ('{"fn_name": "f", "inputs": [{"a": 1}], "outputs": [1]}', "arguments are given by name"),
        ("{'fn_name': 'f', 'inputs': [[1]], 'outputs': [{1, 2}]}", "is not JSON data"),
        ("[" * 5000 + "]" * 5000, "neither JSON|nested too deep"),
        ("from solution import f\n\ndef test_f():\n    assert f(1) == 1", "no assertion and no function"),
        ("What is 2 + 2?", "neither JSON"),
        ("", "there are no tests"),
        ("{}", "not have a known shape"),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_line(label: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        parse_tests(label)
    assert "\n" not in str(caught.value)


def test_the_public_tests_of_a_label_are_those_that_it_calls_so() -> None:
    public, private = ([{"input": name, "output": name}] for name in "ab")
    inner = {"public_test_cases": json.dumps(public), "private_test_cases": private}
    for label in (inner, {"tests": inner}, {"tests": json.dumps(inner), "language": "python"}):
        assert parse_public_tests(json.dumps(label)) == [StdinTest("a", "a")]
        assert parse_tests(json.dumps(label)) == [StdinTest("a", "a"), StdinTest("b", "b")]
    assert parse_public_tests(json.dumps(private)) == parse_public_tests("assert f(1)") == []


def test_keys_of_an_expected_python_literal_are_those_of_json() -> None:
    (test,) = parse_tests("{'fn_name': 'f', 'inputs': [[{1: 2}]], 'outputs': [{1: (2, 3)}]}")
    assert test == CallTest("f", ({1: 2},), {"1": [2, 3]})


def test_one_test_may_stand_without_a_list_and_objects_may_be_texts_in_a_list() -> None:
    assert parse_tests('{"inputs": "1 2\\n", "outputs": "3\\n"}') == [StdinTest("1 2\n", "3\n")]
    assert parse_tests(json.dumps([json.dumps({"input": "1", "output": "2"}), "{'input': '3', 'output': '4'}"])) == [
        StdinTest("1", "2"),
        StdinTest("3", "4"),
    ]
    assert parse_tests("    assert f(1) == 1\n    assert f(2) == 2") == [
        AssertTest("assert f(1) == 1"),
        AssertTest("assert f(2) == 2"),
    ]


def test_a_label_that_is_nearly_compressed_is_refused_in_time_in_proportion() -> None:
    began = time.process_time()
    with pytest.raises(ValueError, match="neither JSON"):
        parse_tests("a" * 40 + " " * 60_000 + "!")
    assert time.process_time() - began < 2


def test_many_assertions_are_read_in_time_in_proportion_and_too_many_with_setup_refused() -> None:
    began = time.process_time()
    assert len(parse_tests("".join(f"assert f({n}) == {n}\n" for n in range(1500)))) == 1500
    with pytest.raises(ValueError, match="come to more than"):
        parse_tests("".join(f"a{n} = '{'x' * 500}'\nassert f({n})\n" for n in range(300)))
    assert time.process_time() - began < 3


def test_an_assertion_keeps_its_own_text_and_what_stands_before_it() -> None:
    text = "é = 'ü'\r\nx = [1,\n  2]; assert f(é) == 'ü'  # why\ny = 2\nassert f(\n  y)"
    first, second = parse_tests(text)
    assert first == AssertTest("é = 'ü'\nx = [1,\n  2]\nassert f(é) == 'ü'")
    assert second == AssertTest("é = 'ü'\nx = [1,\n  2]\ny = 2\nassert f(\n  y)")
