"""The unit tests of a code problem: the kinds that a label can hold, and how they are read from its answer."""

import json
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


class AssertTest(NamedTuple):
    """Statements that must hold beside the program, such as `assert add(1, 2) == 3`."""

    code: str


UnitTest = StdinTest | CallTest | AssertTest


def parse_tests(answer: str) -> list[UnitTest]:
    """Read the tests that a label's answer holds.

    Args:
        answer: JSON of one of the shapes that `Code` documents.

    Returns:
        One entry per test, in the order of the label; never empty.

    Raises:
        ValueError: no JSON, a shape that is not known, or no test at all.
    """
    try:
        data: Any = json.loads(answer)
    except RecursionError:
        raise ValueError("JSON nested too deep") from None
    tests = _shaped(data)
    if not tests:
        raise ValueError("0 tests")
    return tests


def _shaped(data: Any) -> list[UnitTest]:
    if isinstance(data, dict) and isinstance(data.get("asserts"), list):
        return [AssertTest(str(code)) for code in data["asserts"]]
    if isinstance(data, dict) and isinstance(data.get("inputs"), list) and isinstance(data.get("outputs"), list):
        if len(data["inputs"]) != len(data["outputs"]):
            raise ValueError(f"{len(data['inputs'])} inputs for {len(data['outputs'])} outputs")
        return [StdinTest(_joined(stdin), _joined(stdout)) for stdin, stdout in zip(data["inputs"], data["outputs"])]
    if isinstance(data, list) and all(isinstance(row, dict) and "output" in row for row in data):
        return [StdinTest(_joined(row.get("input", "")), _joined(row["output"])) for row in data]
    raise ValueError("neither a list of {input, output}, nor {inputs, outputs}, nor {asserts}")


def _joined(value: Any) -> str:
    return value if isinstance(value, str) else "\n".join(str(line) for line in value)
