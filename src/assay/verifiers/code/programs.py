"""The program in an answer: the last fence that is one, where what a program printed, a shell command or another language is none."""

import ast
import builtins
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from assay.verifiers.answers.thinking import spoken
from assay.verifiers.code.tests import CallTest, UnitTest

OPEN = re.compile(
    r"^([ \t]*(?:(?:[-*+]|\d+[.)])[ \t]+)?(?:>[ \t]?)*)(`{3,}|~{3,}(?!~))([^`\n]*)$"
)  # each in linear time
PYTHON = re.compile(r"[{.\[ ]*(?:python|py)\d*(?:\.\d+)*(?![A-Za-z])|\S+\.py\b", re.IGNORECASE)
PRINTED = re.compile(r"(?:outputs?|results?|prints?|printed|console|terminal|stdout|stdin|expected)\W*$", re.IGNORECASE)
BARE = re.compile(r"\s*(?:import |from \w[\w.]* import |def |class |print\(|@\w|#!)")
OTHER = re.compile(r"[;{]\s*$", re.MULTILINE)  # line ends of Java, C++ and JavaScript
_TAG = re.compile(r"<(answer|code|solution)>[ \t]*\n")
DEFINING = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
PROMPTED = re.compile(r"^[ \t]*>>> ", re.MULTILINE)
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
        test._replace(function=f"{owners[test.function]}.{test.function}")
        if isinstance(test, CallTest) and test.function in owners
        else test
        for test in tests
    ]


def _owners(program: str, names: set[str]) -> dict[str, str]:
    """The class that has each name as a method, for names that the top level lacks."""
    tree = _parsed(program)
    body = tree.body if tree else []
    owned: dict[str, list[str]] = {}
    known = {name for node in body for name in _defined(node)}
    for node in body:
        for inner in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and inner.name in names - known:
                owned.setdefault(inner.name, []).append(node.name)  # type: ignore[attr-defined]
    return {
        name: "Solution" if "Solution" in kinds else kinds[0]
        for name, kinds in owned.items()
        if "Solution" in kinds or len(kinds) == 1
    }


def _defined(node: ast.stmt) -> Iterator[str]:
    """The names that a statement of the top level gives a value."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name for alias in node.names)
    else:
        yield from (
            inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
        )


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
        The last fenced block that is a program, marked as Python or not marked; else the last one that is marked as Python; else a whole
        text that starts like a program; "" where there is none.

    >>> last_program("So:\\n```python\\nprint(1)\\n```\\nOutput:\\n```\\n1\\n```\\n", finished=True)
    'print(1)\\n'
    """
    said, inside = spoken(text.replace("\r\n", "\n"))
    if inside:
        return ""
    found = list(blocks(said))
    if not found and finished and (tag := _TAG.search(said)) and (end := said.find(f"</{tag[1]}>", tag.end())) > 0:
        said = said[tag.end() : end]  # a program between tags, without a fence
    if not finished and found and not found[-1].closed:
        return ""  # it was being written when it was cut
    programs = [block.code for block in found if _is_program(block)]
    if programs:
        return _last_whole(programs)
    marked = [
        block.code
        for block in found
        if PYTHON.match(block.info) and block.code.strip() and not PROMPTED.search(block.code[:LONGEST])
    ]
    return marked[-1] if marked else said if finished and not found and BARE.match(said) else ""


def _last_whole(programs: Sequence[str]) -> str:
    """The last block that stands on its own; an example of use, whose names only an earlier block defines, does not."""
    trees = [_parsed(code) for code in programs]
    first: dict[str, int] = {}
    for place, tree in enumerate(trees):
        for name in (name for node in (tree.body if tree else ()) for name in _defined(node)):
            first.setdefault(name, place)
    for place in range(len(programs) - 1, 0, -1):
        if not any(first.get(name, place) < place for name in _free(trees[place])):
            return programs[place]
    return programs[0]


def _parsed(code: str) -> ast.Module | None:
    try:
        return ast.parse(code[:LONGEST])
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


def _free(tree: ast.Module | None) -> set[str]:
    """Names that a block uses and neither defines nor finds among the builtins."""
    nodes = list(ast.walk(tree)) if tree else []
    names = [node for node in nodes if isinstance(node, ast.Name)]
    bound_here = {node.id for node in names if not isinstance(node.ctx, ast.Load)}
    bound_here |= {
        node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    bound_here |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    imported = [alias for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names]
    if any(alias.name == "*" for alias in imported):
        return set()
    bound_here |= {(alias.asname or alias.name).partition(".")[0] for alias in imported}
    return {node.id for node in names} - bound_here - set(dir(builtins))


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
        if opening and opening[2].startswith(fence[1]) and len(_margin(opening[1])) <= len(_margin(fence[0])) + 3:
            yield _block(fence, lines[start + 1 : number], before, closed=True)
            start, before = (number if opening[3].strip() else -1), ""
            fence = (opening[1], opening[2], opening[3].strip())
        elif line.rstrip().endswith(fence[1]) and line.count(fence[1]) == 1 and not opening:
            yield _block(fence, [*lines[start + 1 : number], line.rstrip().removesuffix(fence[1])], before, closed=True)
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
    if block.info and not PYTHON.match(block.info):
        return False
    tree = _parsed(block.code)
    if tree is None:  # a marked program with a mistake is one, and so is an unmarked one that begins like it
        return bool(block.info) or (bool(BARE.match(block.code)) and not OTHER.search(block.code))
    if PRINTED.search(block.before.strip("*_#: ")):
        return any(isinstance(node, DEFINING) for node in tree.body)
    return any(_does(node) for node in tree.body)


def _does(node: ast.stmt) -> bool:
    """Whether a statement is more than a bare value, or a name with a bare annotation such as `Output: 3`."""
    if isinstance(node, ast.AnnAssign):
        return node.value is not None
    return not isinstance(node, ast.Expr) or any(isinstance(inner, ast.Call) for inner in ast.walk(node.value))
