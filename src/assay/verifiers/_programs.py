"""The program in an answer: the last fence that is one, where what a program printed, a shell command or another language is none."""

import ast
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from assay.verifiers._code_tests import CallTest, UnitTest

OPEN = re.compile(r"^([ \t]*(?:(?:[-*+]|\d+[.)])[ \t]+)?(?:>[ \t]?)*)(`{3,}|~{3,})[ \t]*([^`\n]*)$")
PYTHON = re.compile(r"[{.\[ ]*(?:python|py)\d*(?:\.\d+)*(?![A-Za-z])|\S+\.py\b", re.IGNORECASE)
PRINTED = re.compile(r"(?:outputs?|results?|prints?|printed|console|terminal|stdout|stdin|expected)\W*$", re.IGNORECASE)
BARE = re.compile(r"\s*(?:import |from \w[\w.]* import |def |class |print\(|@\w|#!)")
OTHER = re.compile(r"[;{]\s*$", re.MULTILINE)  # line ends of Java, C++ and JavaScript
PROMPTED = re.compile(r"^\s*>>> ", re.MULTILINE)
LONGEST = 200_000  # characters of a block that is looked into


def bound(tests: Sequence[UnitTest], program: str) -> list[UnitTest]:
    """Let calls of a plain function reach a method of that name where the program has it in a class alone.

    Args:
        tests: of one label.
        program: the whole text.

    Returns:
        The tests; a call of `add` is one of `Solution.add` where the program defines no `add` of its own, and its class Solution does, or the
        only class that does is another.
    """
    plain = {test.function for test in tests if isinstance(test, CallTest) and "." not in test.function}
    owners = _owners(program, plain) if plain else {}
    return [
        test._replace(function=f"{owners[test.function]}.{test.function}") if isinstance(test, CallTest) and test.function in owners else test
        for test in tests
    ]


def _owners(program: str, names: set[str]) -> dict[str, str]:
    """The class that has each name as a method, for names that the top level lacks."""
    try:
        body = ast.parse(program).body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return {}
    owned: dict[str, list[str]] = {}
    known = {name for node in body for name in _defined(node)}
    for node in body:
        for inner in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and inner.name in names - known:
                owned.setdefault(inner.name, []).append(node.name)  # type: ignore[attr-defined]
    return {name: "Solution" if "Solution" in kinds else kinds[0] for name, kinds in owned.items() if "Solution" in kinds or len(kinds) == 1}


def _defined(node: ast.stmt) -> Iterator[str]:
    """The names that a statement of the top level gives a value."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name for alias in node.names)
    else:
        yield from (inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store))


class Block(NamedTuple):
    """One fenced block."""

    info: str  # what stands behind the opening fence
    code: str  # without the fence's own indentation
    before: str  # the last line of text in front of it
    closed: bool


def last_program(text: str, *, finished: bool) -> str:
    """Find the program that an answer gives.

    Args:
        text: the whole answer; what stands before a closed thought's end does not count.
        finished: whether the model stopped by itself; a block that a cut left open is no program.

    Returns:
        The last fenced block that is marked as Python, or that is not marked and holds a program; else a whole text that starts like one;
        "" where there is none.

    >>> last_program("So:\\n```python\\nprint(1)\\n```\\nOutput:\\n```\\n1\\n```\\n", finished=True)
    'print(1)\\n'
    """
    said = text.replace("\r\n", "\n")
    if "<think>" in said and "</think>" not in said:
        said = said.partition("<think>")[0]
    said = said.rpartition("</think>")[2]
    found = list(blocks(said))
    if not finished and found and not found[-1].closed:
        return ""  # it was being written when it was cut
    for block in reversed(found):
        if _is_program(block):
            return block.code
    return said if finished and not found and BARE.match(said) else ""


def blocks(text: str) -> Iterator[Block]:
    """Every fenced block, by backticks or tildes, in order.

    A fence is closed by one at least as long, at most three columns deeper than it was opened, or by one at the end of a line of code. A new
    marked fence in an open block begins another one, for the model forgot to close it.
    """
    lines, start, fence, before = text.split("\n"), -1, ("", "", ""), ""
    for number, line in enumerate(lines):
        opening = OPEN.match(line)
        if start < 0:
            if opening:
                start, fence = number, (opening[1], opening[2], opening[3].strip())
            elif line.strip():
                before = line.strip()
            continue
        body = lines[start + 1 : number]
        if opening and opening[2].startswith(fence[1]) and len(_margin(opening[1])) <= len(_margin(fence[0])) + 3:
            yield _block(fence, body, before, closed=True)
            start, before = (number if opening[3].strip() else -1), ""
            fence = (opening[1], opening[2], opening[3].strip())
        elif line.rstrip().endswith(fence[1]) and line.count(fence[1]) == 1 and not opening:
            yield _block(fence, [*body, line.rstrip().removesuffix(fence[1])], before, closed=True)
            start, before = -1, ""
    if start >= 0:
        yield _block(fence, lines[start + 1 : len(lines) - (not lines[-1])], before, closed=False)


def _block(fence: tuple[str, str, str], body: Sequence[str], before: str, *, closed: bool) -> Block:
    quoted = ">" in fence[0]
    margin = 0 if quoted else len(_margin(fence[0]))
    lines = [re.sub(r"^[ \t]*(?:>[ \t]?)+", "", line) if quoted else line for line in body]
    stripped = [line[min(margin, len(line) - len(line.lstrip())) :] for line in lines]
    code = "".join(f"{line}\n" for line in stripped)
    first = next((line for line in stripped if line.strip()), "")
    return Block(fence[2], textwrap.dedent(code) if first[:1] in (" ", "\t") else code, before, closed)


def _margin(prefix: str) -> str:
    """The columns in front of a fence as blanks: a list's marker is as wide as it is written."""
    return re.sub(r"[^ \t]", " ", prefix.replace(">", ""))


def _is_program(block: Block) -> bool:
    """Whether a block is one: marked as Python, or not marked, not said to be printed, and statements that do something."""
    if not block.code.strip() or PROMPTED.search(block.code[:LONGEST]):
        return False
    if block.info:
        return PYTHON.match(block.info) is not None
    return not PRINTED.search(block.before.strip("*_#: ").rstrip(":")) and _does_something(block.code)


def _does_something(code: str) -> bool:
    """Whether a text is Python with at least one statement that is no bare name or value; broken Python that starts like a program is one too."""
    try:
        body = ast.parse(code[:LONGEST]).body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return bool(BARE.match(code)) and not OTHER.search(code)
    return any(_does(node) for node in body)


def _does(node: ast.stmt) -> bool:
    """Whether a statement is more than a bare value, or a name with a bare annotation such as `Output: 3`."""
    if isinstance(node, ast.AnnAssign):
        return node.value is not None
    return not isinstance(node, ast.Expr) or any(isinstance(inner, ast.Call) for inner in ast.walk(node.value))
