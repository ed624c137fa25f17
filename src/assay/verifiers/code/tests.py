"""The unit tests of a code problem: the kinds that a label can hold, and readers of the published formats.

A format is recognised by its keys and never by trial. An unknown one is refused with its shape, and nothing is
unpickled.
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

    function: str  # its name, or "Solution.name" for a method of a class whose constructor takes no arguments
    arguments: tuple[Any, ...]
    expected: Any
    # True: every expected value of the label is a list of one item, and that item alone is correct too
    wrapped: bool = False


class AssertTest(NamedTuple):
    """Statements that must hold of the program, such as `assert add(1, 2) == 3`."""

    code: str


UnitTest = StdinTest | CallTest | AssertTest

MAX_DEPTH = 6  # of objects within objects, and of JSON within JSON
TEST_KEYS = (  # under which published rows keep their tests; all that are present are joined
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
PUBLIC_KEYS = ("public_test_cases", "public_tests")
INPUT_KEYS, OUTPUT_KEYS = ("input", "stdin"), ("output", "expected_output", "expected", "stdout")
FUNCTION_KEYS = ("fn_name", "func_name", "function_name", "entry_point")
STDIN_TYPES = ("stdin", "stdin_stdout", "standard_input", "")
ARGUMENT_PER_LINE_TYPES, ARGUMENT_LIST_TYPES = ("functional", "call_based"), ("function_call",)
MAX_CHARS = 16 << 20  # characters of all tests that are code
BASE64 = re.compile(r"[A-Za-z0-9+/\s]{40,}(?:={1,2}\s*)?")


class ParseContext(NamedTuple):
    """What is known about tests from the keys beside them, in their own object or in the row around it."""

    function: str = ""
    setup: str = ""  # statements to put before each assertion
    is_method: bool = False  # of a class Solution


def parse_tests(answer: str) -> list[UnitTest]:
    """Parse the tests that a label's answer holds.

    Args:
        answer: JSON or a Python literal of one of the shapes that docs/grading.md lists, or Python assertions as
            text.

    Returns:
        One entry per test, in the order of the label; never empty.

    Raises:
        ValueError: The shape is not known (the message names it), or there is no test.
    """
    try:
        tests = _parse(answer, ParseContext(), MAX_DEPTH)
    except RecursionError:
        raise ValueError("nested too deeply to be read") from None
    if not tests:
        raise ValueError("there are no tests")
    return tests


def parse_public_tests(answer: str) -> list[UnitTest]:
    """Parse those tests of a label that the problem shows to its solver, under a key such as `public_test_cases`.

    Args:
        answer: As for `parse_tests`, which has accepted it.

    Returns:
        The public tests; [] where the label has no such key.
    """
    data, context = _parse_literal(answer), ParseContext()
    for _ in range(MAX_DEPTH):
        data = _parse_literal(data) if isinstance(data, str) else data
        if not isinstance(data, Mapping):
            return []
        context = _read_context(data, context)
        if public := [data[name] for name in PUBLIC_KEYS if data.get(name)]:
            return [test for value in public for test in _parse(value, context, MAX_DEPTH)]
        data = next((data[name] for name in TEST_KEYS if data.get(name)), None)
    return []


def _parse(data: Any, context: ParseContext, depth: int) -> list[UnitTest]:
    """Parse tests of any known shape."""
    if depth < 0:
        raise ValueError(f"tests are nested more than {MAX_DEPTH} objects deep")
    if isinstance(data, str):
        return _parse_text(data, context, depth)
    if isinstance(data, Mapping):
        return _parse_object(data, _read_context(data, context), depth)
    if isinstance(data, list):
        return _parse_list(data, context)
    raise ValueError(f"tests must be an object, a list or a string, found {_shorten(data)}")


def _parse_text(text: str, context: ParseContext, depth: int) -> list[UnitTest]:
    """Parse tests given as JSON, as a Python literal, or as Python statements."""
    value = _parse_literal(text)
    if value is not None and not isinstance(value, str | int | float):
        return _parse(value, context, depth - 1)
    if isinstance(value, str):
        return _parse(value, context, depth - 1)
    if not text.strip():
        return []
    if BASE64.fullmatch(text) and "assert" not in text:
        raise ValueError("compressed private tests are not unpickled, because a pickle can run code: decode them first")
    return _parse_statements(text, context)


def _parse_object(data: Mapping[str, Any], context: ParseContext, depth: int) -> list[UnitTest]:
    """Parse tests given as an object: parallel lists, one test, or another object or list under a known key."""
    language = str(data.get("language") or "python").lower()
    if not language.startswith("py"):
        raise ValueError(f"tests of language {language!r}; only Python programs are run")
    if all(isinstance(data.get(name), str | int | float) for name in ("inputs", "outputs")):  # one test
        return _pair_lists(
            [data["inputs"]], [data["outputs"]], context, str(data.get("type") or data.get("testtype") or "")
        )
    if isinstance(data.get("inputs"), list) and isinstance(data.get("outputs"), list):
        return _pair_lists(
            data["inputs"], data["outputs"], context, str(data.get("type") or data.get("testtype") or "")
        )
    if (test_input := _first_value(data, INPUT_KEYS)) is not None and (
        expected := _first_value(data, OUTPUT_KEYS)
    ) is not None:
        # many tests, or the lines or arguments of one: published rows have both
        if isinstance(test_input, list) and isinstance(expected, list):
            if context.function:
                raise ValueError(
                    f"an object of {_list_keys(data)} could be one call or several; "
                    "use inputs and outputs, or a list of objects"
                )
            return _pair_lists(test_input, expected, context, str(data.get("type") or data.get("testtype") or ""))
        return _parse_list([data], context)
    held_tests = [data[name] for name in TEST_KEYS if data.get(name) not in (None, "", [], {})]
    if not held_tests and any(name in data for name in (*TEST_KEYS, "inputs", "outputs")):
        return []
    if not held_tests:
        raise ValueError(f"an object of {_list_keys(data)} does not have a known shape of tests")
    return [test for value in held_tests for test in _parse(value, context, depth - 1)]


def _parse_list(rows: Sequence[Any], context: ParseContext) -> list[UnitTest]:
    """Parse tests given as a list of objects with input and output, or of assertions as text."""
    if all(isinstance(row, str) for row in rows):
        values = [_parse_literal(row) for row in rows]
        if not rows or not all(isinstance(value, dict) for value in values):
            return [test for row in rows for test in _parse_statements(row, context, one_test=True)]
        rows = values  # objects, each written as a text
    tests: list[UnitTest] = []
    for row in rows:
        if not isinstance(row, Mapping):
            raise ValueError(f"a list of tests must hold objects or assertions as strings, found {_shorten(row)}")
        test_input, expected = _first_value(row, INPUT_KEYS), _first_value(row, OUTPUT_KEYS)
        if expected is None:
            raise ValueError(f"a test of {_list_keys(row)} has no output")
        kind = str(row.get("testtype") or row.get("type") or "")
        tests.append(
            _make_test(test_input if test_input is not None else "", expected, _read_context(row, context), kind)
        )
    return _mark_wrapped(tests)


def _pair_lists(inputs: list[Any], outputs: list[Any], context: ParseContext, kind: str) -> list[UnitTest]:
    """Make tests of parallel lists: calls where a function is named, else tests of standard input."""
    if len(inputs) != len(outputs):
        raise ValueError(f"{len(inputs)} inputs for {len(outputs)} outputs")
    return _mark_wrapped(
        [_make_test(test_input, expected, context, kind) for test_input, expected in zip(inputs, outputs)]
    )


def _make_test(test_input: Any, expected: Any, context: ParseContext, kind: str) -> UnitTest:
    """Make one test of an input and an output, of the kind that its type or context says."""
    if kind in STDIN_TYPES and not (kind == "" and context.function):
        return StdinTest(_as_text(test_input), _as_text(expected))
    if kind and kind not in (*ARGUMENT_PER_LINE_TYPES, *ARGUMENT_LIST_TYPES):
        raise ValueError(f"a test of type {kind!r}; known are stdin, stdin_stdout, functional and function_call")
    if not context.function:
        raise ValueError(f"a test of type {kind!r} names no function (fn_name, or func_name in its metadata)")
    name = f"Solution.{context.function}" if context.is_method else context.function
    if isinstance(test_input, str):  # each line is one argument, unless the type says that the text lists all of them
        arguments = (
            _parse_value(test_input)
            if kind in ARGUMENT_LIST_TYPES
            else [_parse_value(line) for line in test_input.strip("\n").split("\n") if line.strip()]
        )
        if not isinstance(arguments, list):
            raise ValueError(f"the input of a function_call must be a list of arguments, found {_shorten(test_input)}")
        return CallTest(
            name, tuple(arguments), _as_json_data(_parse_value(expected) if isinstance(expected, str) else expected)
        )
    if isinstance(test_input, Mapping):
        raise ValueError(f"arguments are given by name ({_list_keys(test_input)}); give them as a list")
    return CallTest(name, tuple(test_input) if isinstance(test_input, list) else (test_input,), _as_json_data(expected))


def _mark_wrapped(tests: list[UnitTest]) -> list[UnitTest]:
    """Mark calls whose expected values are all lists of one item, as APPS and TACO write them."""
    calls = [test for test in tests if isinstance(test, CallTest)]
    if not calls or not all(isinstance(test.expected, list) and len(test.expected) == 1 for test in calls):
        return tests
    return [test._replace(wrapped=True) if isinstance(test, CallTest) else test for test in tests]


def _parse_statements(text: str, context: ParseContext, *, one_test: bool = False) -> list[UnitTest]:
    """Parse assertions in Python: each with the statements before it, or all in one test.

    They form one test where a function `check` holds them, or where `one_test` says so, as in the lists of MBPP.
    """
    text = textwrap.dedent(text)
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, MemoryError):
        raise ValueError(f"neither JSON, nor a Python literal, nor Python assertions: {_shorten(text)}") from None
    if any(isinstance(node, ast.FunctionDef) and node.name == "check" for node in body):
        return [AssertTest(_join(context.setup, text, _missing_check_call(body, context)))]
    asserts = [node for node in body if isinstance(node, ast.Assert)]
    if not asserts:
        raise ValueError(f"no assertion and no function `check`: {_shorten(text)}")
    if one_test:
        return [AssertTest(_join(context.setup, text))]
    statements_before, tests, size = [context.setup], list[UnitTest](), 0
    for node, code in zip(body, _iter_segments(text, body), strict=True):
        if not isinstance(node, ast.Assert):
            statements_before.append(code)
            continue
        statements_before = [_join(*statements_before)]
        test = AssertTest(_join(*statements_before, code))
        tests.append(test)
        size += len(test.code)
        if size > MAX_CHARS:
            raise ValueError(
                f"{len(asserts)} assertions, each with the statements before it, "
                f"come to more than {MAX_CHARS} characters"
            )
    return tests


def _iter_segments(text: str, body: Sequence[ast.stmt]) -> Iterator[str]:
    """Yield the text of each statement; `ast.get_source_segment` would split the whole text for each."""
    rows = text.encode().splitlines(keepends=True)  # columns count bytes
    for node in body:
        segment = rows[node.lineno - 1 : node.end_lineno]
        segment[-1] = segment[-1][: node.end_col_offset]
        segment[0] = segment[0][node.col_offset :]
        yield b"".join(segment).decode()


def _missing_check_call(body: Sequence[ast.stmt], context: ParseContext) -> str:
    """Return the call of `check` that the text itself lacks; "" where it has one."""
    is_called = any(
        isinstance(node, ast.Call) and getattr(node.func, "id", "") == "check"
        for statement in body
        for node in ast.walk(statement)
    )
    if is_called:
        return ""
    if not context.function:
        raise ValueError("the function `check` is never called, because the row has no entry_point")
    return f"check({'Solution().' if context.is_method else ''}{context.function})"


def _read_context(data: Mapping[str, Any], outer: ParseContext) -> ParseContext:
    """Return what an object says about its tests, else what the objects around it say."""
    metadata = data.get("metadata")
    metadata_values = _parse_literal(metadata) if isinstance(metadata, str) else metadata
    name = (
        _first_value(data, FUNCTION_KEYS)
        or (_first_value(metadata_values, FUNCTION_KEYS) if isinstance(metadata_values, Mapping) else None)
        or outer.function
    )
    imports = data.get("test_imports") or ()
    parts = [*([imports] if isinstance(imports, str) else imports), data.get("test_setup_code") or ""]
    setup = _join(*(str(part) for part in parts)) or outer.setup
    is_method = "class Solution" in str(data.get("starter_code") or "") or outer.is_method
    if isinstance(name, str) and name.startswith("Solution()."):
        name, is_method = name.removeprefix("Solution()."), True
    if name and not all(part.isidentifier() for part in str(name).split(".")):
        raise ValueError(f"{_shorten(name)} is not the name of a function")
    return ParseContext(str(name or ""), setup, is_method)


def _first_value(data: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((data[name] for name in names if data.get(name) is not None), None)


def _as_text(value: Any) -> str:
    """Return a text of standard input or output: as it is, a number as it is printed, a list line by line."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return str(value)
    if isinstance(value, list) and all(isinstance(line, str | int | float) for line in value):
        return "\n".join(str(line) for line in value)
    raise ValueError(
        f"standard input and output must be a string, a number or a list of lines, found {_shorten(value)}"
    )


def _parse_value(text: str) -> Any:
    """Parse one argument or result that is written as JSON or as a Python literal."""
    try:
        return json.loads(text)
    except ValueError:
        value = _parse_literal(text)
    if value is None and text.strip() != "None":
        raise ValueError(f"{_shorten(text)} is neither JSON nor a Python literal")
    return value


def _parse_literal(text: str) -> Any:
    """Parse JSON or a Python literal, with tuples as lists; None where the text is neither."""
    for parse in (json.loads, ast.literal_eval):
        try:
            return _convert_tuples(parse(text.strip()))
        except (ValueError, SyntaxError, MemoryError, TypeError):
            continue
    return None


def _convert_tuples(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_convert_tuples(item) for item in value]
    return {key: _convert_tuples(item) for key, item in value.items()} if isinstance(value, dict) else value


def _as_json_data(value: Any) -> Any:
    """Return a value as JSON would hold it: the keys of a Python literal become texts."""
    try:
        return json.loads(json.dumps(value))
    except TypeError:
        raise ValueError(f"the result is not JSON data: {_shorten(value)}") from None


def _join(*parts: str) -> str:
    return "\n".join(part.strip("\n") for part in parts if part.strip())


def _list_keys(data: Mapping[str, Any]) -> str:
    names = ", ".join(str(name)[:40] for name in list(data)[:8])
    return f"{{{names}{', ...' if len(data) > 8 else ''}}}"


def _shorten(value: Any) -> str:
    text = ascii(value) if not isinstance(value, str | bytes) else ascii(value[:80])
    return text if len(text) <= 80 else f"{text[:77]}..."
