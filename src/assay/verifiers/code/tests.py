"""The unit tests of a code problem: the kinds that a label can hold, and how the published formats are read from its answer.

A format is known by its keys and never by trial: what is not known is refused with its shape, and nothing is unpickled.
"""

import ast
import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple


class StdinTest(NamedTuple):
    """Text for standard input, and the text that standard output must hold."""

    stdin: str
    stdout: str


class CallTest(NamedTuple):
    """A call of one function of the program, and the value that it must return, both as plain JSON data."""

    function: str  # its name, or "Solution.name" for a method of a class that takes no arguments
    arguments: tuple[Any, ...]
    expected: Any
    wrapped: bool = (
        False  # True: every expected value of the label is a list of one value, and that value itself is right too
    )


class AssertTest(NamedTuple):
    """Statements that must hold beside the program, such as `assert add(1, 2) == 3`."""

    code: str


UnitTest = StdinTest | CallTest | AssertTest

DEPTH = 6  # objects within objects, and JSON within JSON
HOLDERS = (  # keys under which published rows keep their tests; of those that are there, public and private lists are joined
    *(
        "verification_info",
        "reward_model",
        "ground_truth",
        "input_output",
        "tests",
        "test_cases",
        "unit_tests",
        "official_tests",
    ),
    *("public_test_cases", "private_test_cases", "public_tests", "private_tests", "generated_tests"),
    *("test_list", "challenge_test_list", "asserts", "test"),
)
PUBLIC = ("public_test_cases", "public_tests")
INPUTS, OUTPUTS = ("input", "stdin"), ("output", "expected_output", "expected", "stdout")
NAMES = ("fn_name", "func_name", "function_name", "entry_point")
OF_STDIN = ("stdin", "stdin_stdout", "standard_input", "")
LINES_OF_JSON, LIST_OF_ARGUMENTS = ("functional", "call_based"), ("function_call",)
LONGEST = 16 << 20  # characters of all tests that are code
BASE64 = re.compile(r"[A-Za-z0-9+/\s]{40,}(?:={1,2}\s*)?")


class Beside(NamedTuple):
    """What stands beside the tests, in their own object or in the row."""

    function: str = ""
    setup: str = ""  # statements in front of each assertion
    is_method: bool = False  # of a class Solution


def parse_tests(answer: str) -> list[UnitTest]:
    """Read the tests that a label's answer holds.

    Args:
        answer: JSON or a Python literal of one of the shapes that docs/grading.md lists, or Python assertions as text.

    Returns:
        One entry per test, in the order of the label; never empty.

    Raises:
        ValueError: a shape that is not known, which the message names, or no test at all.
    """
    try:
        tests = _read(answer, Beside(), DEPTH)
    except RecursionError:
        raise ValueError("nested too deep to be read") from None
    if not tests:
        raise ValueError("0 tests")
    return tests


def shown_tests(answer: str) -> list[UnitTest]:
    """Read the tests of a label that its problem shows to whoever solves it: what stands under a key such as `public_test_cases`.

    Args:
        answer: as of `parse_tests`, which has accepted it.

    Returns:
        The public tests; [] where the label names none so.
    """
    data, beside = _literal(answer), Beside()
    for _ in range(DEPTH):
        data = _literal(data) if isinstance(data, str) else data
        if not isinstance(data, Mapping):
            return []
        beside = _known_beside(data, beside)
        if public := [data[name] for name in PUBLIC if data.get(name)]:
            return [test for value in public for test in _read(value, beside, DEPTH)]
        data = next((data[name] for name in HOLDERS if data.get(name)), None)
    return []


def _read(data: Any, beside: Beside, depth: int) -> list[UnitTest]:
    """The tests in a value of any known shape."""
    if depth < 0:
        raise ValueError(f"tests lie more than {DEPTH} objects deep")
    if isinstance(data, str):
        return _of_text(data, beside, depth)
    if isinstance(data, Mapping):
        return _of_object(data, _known_beside(data, beside), depth)
    if isinstance(data, list):
        return _of_list(data, beside)
    raise ValueError(f"tests are an object, a list or a text, found {_shown(data)}")


def _of_text(text: str, beside: Beside, depth: int) -> list[UnitTest]:
    """Tests as JSON, as a Python literal, or as Python statements."""
    value = _literal(text)
    if value is not None and not isinstance(value, str | int | float):
        return _read(value, beside, depth - 1)
    if isinstance(value, str):
        return _read(value, beside, depth - 1)
    if not text.strip():
        return []
    if BASE64.fullmatch(text) and "assert" not in text:
        raise ValueError(
            "compressed private tests are not unpickled, since a pickle can run code: decode them beforehand"
        )
    return _of_statements(text, beside)


def _of_object(data: Mapping[str, Any], beside: Beside, depth: int) -> list[UnitTest]:
    """Tests as an object: parallel lists, one test, or another object or list under a known key."""
    language = str(data.get("language") or "python").lower()
    if not language.startswith("py"):
        raise ValueError(f"tests of language {language!r}; only Python programs are run")
    if all(isinstance(data.get(name), str | int | float) for name in ("inputs", "outputs")):  # one test
        return _parallel(
            [data["inputs"]], [data["outputs"]], beside, str(data.get("type") or data.get("testtype") or "")
        )
    if isinstance(data.get("inputs"), list) and isinstance(data.get("outputs"), list):
        return _parallel(data["inputs"], data["outputs"], beside, str(data.get("type") or data.get("testtype") or ""))
    if (given := _first(data, INPUTS)) is not None and (expected := _first(data, OUTPUTS)) is not None:
        if isinstance(given, list) and isinstance(
            expected, list
        ):  # lists of many tests, or one test's lines or arguments: each is published
            if beside.function:
                raise ValueError(
                    f"an object of {_keys(data)} may be one call or many: use inputs and outputs, or a list of objects"
                )
            return _parallel(given, expected, beside, str(data.get("type") or data.get("testtype") or ""))
        return _of_list([data], beside)
    held = [data[name] for name in HOLDERS if data.get(name) not in (None, "", [], {})]
    if not held and any(name in data for name in (*HOLDERS, "inputs", "outputs")):
        return []
    if not held:
        raise ValueError(f"an object of {_keys(data)} is no known shape of tests")
    return [test for value in held for test in _read(value, beside, depth - 1)]


def _of_list(rows: Sequence[Any], beside: Beside) -> list[UnitTest]:
    """Tests as a list: of objects with input and output, or of assertions as texts."""
    if all(isinstance(row, str) for row in rows):
        values = [_literal(row) for row in rows]
        if not rows or not all(isinstance(value, dict) for value in values):
            return [test for row in rows for test in _of_statements(row, beside, whole=True)]
        rows = values  # objects, each as a text of its own
    tests: list[UnitTest] = []
    for row in rows:
        if not isinstance(row, Mapping):
            raise ValueError(f"a list of tests holds objects or assertions as text, found {_shown(row)}")
        given, expected = _first(row, INPUTS), _first(row, OUTPUTS)
        if expected is None:
            raise ValueError(f"a test of {_keys(row)} has no output")
        kind = str(row.get("testtype") or row.get("type") or "")
        tests.append(_one(given if given is not None else "", expected, _known_beside(row, beside), kind))
    return _marked(tests)


def _parallel(inputs: list[Any], outputs: list[Any], beside: Beside, kind: str) -> list[UnitTest]:
    """Tests as one list of inputs and one of outputs: of a function where one is named, of standard input otherwise."""
    if len(inputs) != len(outputs):
        raise ValueError(f"{len(inputs)} inputs for {len(outputs)} outputs")
    return _marked([_one(given, expected, beside, kind) for given, expected in zip(inputs, outputs)])


def _one(given: Any, expected: Any, beside: Beside, kind: str) -> UnitTest:
    """One pair as a test of its kind."""
    if kind in OF_STDIN and not (kind == "" and beside.function):
        return StdinTest(_lines(given), _lines(expected))
    if kind and kind not in (*LINES_OF_JSON, *LIST_OF_ARGUMENTS):
        raise ValueError(f"a test of type {kind!r}; known are stdin, stdin_stdout, functional and function_call")
    if not beside.function:
        raise ValueError(f"a test of type {kind!r} names no function (fn_name, or func_name in its metadata)")
    name = f"Solution.{beside.function}" if beside.is_method else beside.function
    if isinstance(given, str):  # text: each line is one argument, but where it is said to be the list of all of them
        arguments = (
            _value(given)
            if kind in LIST_OF_ARGUMENTS
            else [_value(line) for line in given.strip("\n").split("\n") if line.strip()]
        )
        if not isinstance(arguments, list):
            raise ValueError(f"the input of a function_call is a list of arguments, found {_shown(given)}")
        return CallTest(name, tuple(arguments), _keyed(_value(expected) if isinstance(expected, str) else expected))
    if isinstance(given, Mapping):
        raise ValueError(f"arguments by name, {_keys(given)}: a call is a list of arguments")
    return CallTest(name, tuple(given) if isinstance(given, list) else (given,), _keyed(expected))


def _marked(tests: list[UnitTest]) -> list[UnitTest]:
    """Calls whose expected values are all lists of one, as APPS and TACO write them, are marked so."""
    calls = [test for test in tests if isinstance(test, CallTest)]
    if not calls or not all(isinstance(test.expected, list) and len(test.expected) == 1 for test in calls):
        return tests
    return [test._replace(wrapped=True) if isinstance(test, CallTest) else test for test in tests]


def _of_statements(text: str, beside: Beside, *, whole: bool = False) -> list[UnitTest]:
    """Assertions as Python: each with the statements before it, or all in one test where they check by a function.

    `whole` keeps the assertions of one text in one test, as the lists of MBPP have them.
    """
    text = textwrap.dedent(text)
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, MemoryError):
        raise ValueError(f"neither JSON, nor a Python literal, nor Python assertions: {_shown(text)}") from None
    if any(isinstance(node, ast.FunctionDef) and node.name == "check" for node in body):
        return [AssertTest(_joined(beside.setup, text, _check(body, beside)))]
    asserts = [node for node in body if isinstance(node, ast.Assert)]
    if not asserts:
        raise ValueError(f"no assertion and no function `check`: {_shown(text)}")
    if whole:
        return [AssertTest(_joined(beside.setup, text))]
    before, tests, size = [beside.setup], list[UnitTest](), 0
    for node, code in zip(body, _segments(text, body), strict=True):
        if not isinstance(node, ast.Assert):
            before.append(code)
            continue
        before = [_joined(*before)]
        test = AssertTest(_joined(*before, code))
        tests.append(test)
        size += len(test.code)
        if size > LONGEST:
            raise ValueError(
                f"{len(asserts)} assertions, each with the statements before it, come to more than {LONGEST} characters"
            )
    return tests


def _segments(text: str, body: Sequence[ast.stmt]) -> Iterator[str]:
    """The text of each statement; `ast.get_source_segment` would split the whole text for each."""
    rows = text.encode().splitlines(keepends=True)  # columns count bytes
    for node in body:
        part = rows[node.lineno - 1 : node.end_lineno]
        part[-1] = part[-1][: node.end_col_offset]
        part[0] = part[0][node.col_offset :]
        yield b"".join(part).decode()


def _check(body: Sequence[ast.stmt], beside: Beside) -> str:
    """The call of `check` that the text itself lacks."""
    called = any(
        isinstance(node, ast.Call) and getattr(node.func, "id", "") == "check"
        for statement in body
        for node in ast.walk(statement)
    )
    if called:
        return ""
    if not beside.function:
        raise ValueError("a function `check` is called by nobody: the row names no entry_point")
    return f"check({'Solution().' if beside.is_method else ''}{beside.function})"


def _known_beside(data: Mapping[str, Any], outer: Beside) -> Beside:
    """What an object says of its tests, else what the objects around it said."""
    metadata = data.get("metadata")
    told = _literal(metadata) if isinstance(metadata, str) else metadata
    name = _first(data, NAMES) or (_first(told, NAMES) if isinstance(told, Mapping) else None) or outer.function
    imports = data.get("test_imports") or ()
    parts = [*([imports] if isinstance(imports, str) else imports), data.get("test_setup_code") or ""]
    setup = _joined(*(str(part) for part in parts)) or outer.setup
    is_method = "class Solution" in str(data.get("starter_code") or "") or outer.is_method
    if isinstance(name, str) and name.startswith("Solution()."):
        name, is_method = name.removeprefix("Solution()."), True
    if name and not all(part.isidentifier() for part in str(name).split(".")):
        raise ValueError(f"{_shown(name)} is no function's name")
    return Beside(str(name or ""), setup, is_method)


def _first(data: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((data[name] for name in names if data.get(name) is not None), None)


def _lines(value: Any) -> str:
    """A text of standard input or output: as it is, a number as it is printed, a list line by line."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return str(value)
    if isinstance(value, list) and all(isinstance(line, str | int | float) for line in value):
        return "\n".join(str(line) for line in value)
    raise ValueError(
        f"a text of standard input or output is a text, a number or a list of lines, found {_shown(value)}"
    )


def _value(text: str) -> Any:
    """One argument or result that is written as JSON or as a Python literal."""
    try:
        return json.loads(text)
    except ValueError:
        value = _literal(text)
    if value is None and text.strip() != "None":
        raise ValueError(f"{_shown(text)} is neither JSON nor a Python literal")
    return value


def _literal(text: str) -> Any:
    """The value of JSON or of a Python literal, tuples as lists; None where the text is neither."""
    for read in (json.loads, ast.literal_eval):
        try:
            return _plain(read(text.strip()))
        except (ValueError, SyntaxError, MemoryError, TypeError):
            continue
    return None


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, dict) else value


def _keyed(value: Any) -> Any:
    """A value as JSON would hold it: the keys of a Python literal become texts."""
    try:
        return json.loads(json.dumps(value))
    except TypeError:
        raise ValueError(f"a result that is no JSON data: {_shown(value)}") from None


def _joined(*parts: str) -> str:
    return "\n".join(part.strip("\n") for part in parts if part.strip())


def _keys(data: Mapping[str, Any]) -> str:
    names = ", ".join(str(name)[:40] for name in list(data)[:8])
    return f"{{{names}{', ...' if len(data) > 8 else ''}}}"


def _shown(value: Any) -> str:
    text = ascii(value) if not isinstance(value, str | bytes) else ascii(value[:80])
    return text if len(text) <= 80 else f"{text[:77]}..."
