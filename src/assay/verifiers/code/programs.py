"""Find the program in an answer: the last fenced block that is one.

Blocks that hold a program's output, a shell command or another language do not count.
"""

import ast
import builtins
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from assay.verifiers.answers.thinking import strip_thinking
from assay.verifiers.code.tests import CallTest, UnitTest

# this pattern and those below match in linear time
FENCE = re.compile(r"^([ \t]*(?:(?:[-*+]|\d+[.)])[ \t]+)?(?:>[ \t]?)*)(`{3,}|~{3,}(?!~))([^`\n]*)$")
PYTHON_INFO = re.compile(r"[{.\[ ]*(?:python|py)\d*(?:\.\d+)*(?![A-Za-z])|\S+\.py\b", re.IGNORECASE)
OUTPUT_INTRO = re.compile(
    r"(?:outputs?|results?|prints?|printed|console|terminal|stdout|stdin|expected)\W*$", re.IGNORECASE
)
PROGRAM_START = re.compile(r"\s*(?:import |from \w[\w.]* import |def |class |print\(|@\w|#!)")
OTHER_LANGUAGE = re.compile(r"[;{]\s*$", re.MULTILINE)  # line ends of Java, C++ and JavaScript
_BESIDE_TAG = re.compile(r"(<(?:answer|code|solution)>)[ \t]*(?=```|~~~)|(?<=```|~~~)(?=</(?:answer|code|solution)>)")
_TAG = re.compile(r"<(answer|code|solution)>[ \t]*\n")
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
REPL_PROMPT = re.compile(r"^[ \t]*>>> ", re.MULTILINE)
MAX_CHARS = 200_000  # of a block, that are parsed


def bind_methods(tests: Sequence[UnitTest], program: str) -> list[UnitTest]:
    """Let calls of a plain function reach a method of that name, where the program defines it only inside a class.

    A call of `add` becomes a call of `Solution.add` where the program has no `add` at its top level and its class
    Solution has one, or where exactly one other class has one.

    Args:
        tests: The tests of one label.
        program: The program's text.

    Returns:
        The tests, in the same order.
    """
    plain = {test.function for test in tests if isinstance(test, CallTest) and "." not in test.function}
    owners = _find_owner_classes(program, plain) if plain else {}
    return [
        test._replace(function=f"{owners[test.function]}.{test.function}")
        if isinstance(test, CallTest) and test.function in owners
        else test
        for test in tests
    ]


def _find_owner_classes(program: str, names: set[str]) -> dict[str, str]:
    """Return the class that has each name as a method, for names that the top level lacks."""
    tree = _parse(program)
    body = tree.body if tree else []
    classes_by_name: dict[str, list[str]] = {}
    top_level_names = {name for node in body for name in _iter_defined_names(node)}
    for node in body:
        for inner in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and inner.name in names - top_level_names:
                classes_by_name.setdefault(inner.name, []).append(node.name)  # type: ignore[attr-defined]
    return {
        name: "Solution" if "Solution" in kinds else kinds[0]
        for name, kinds in classes_by_name.items()
        if "Solution" in kinds or len(kinds) == 1
    }


def _iter_defined_names(node: ast.stmt) -> Iterator[str]:
    """Yield the names to which a top-level statement gives a value."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name for alias in node.names)
    else:
        yield from (
            inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
        )


class FencedBlock(NamedTuple):
    """One fenced block."""

    info: str  # the text after the opening fence
    code: str  # without the indentation of the fence
    before: str  # the last line of text before the block
    closed: bool


def find_program(text: str, *, finished: bool) -> str:
    """Find the program that an answer gives.

    Args:
        text: The whole answer; what precedes the end of a closed thinking section does not count.
        finished: Whether the model stopped by itself; a block that truncation left open is not a program.

    Returns:
        The last fenced block that is a program, whether or not it is marked as Python; else the last one that is
        marked as Python; else the whole text, where it starts like a program; "" where there is none.

    >>> find_program("So:\\n```python\\nprint(1)\\n```\\nOutput:\\n```\\n1\\n```\\n", finished=True)
    'print(1)\\n'
    """
    answer, inside = strip_thinking(text.replace("\r\n", "\n"))
    if inside:
        return ""
    answer = _BESIDE_TAG.sub(lambda match: f"{match[1] or ''}\n", answer)
    blocks = list(iter_blocks(answer))
    if not blocks and finished and (tag := _TAG.search(answer)) and (end := answer.find(f"</{tag[1]}>", tag.end())) > 0:
        answer = answer[tag.end() : end]  # a program between tags, without a fence
    if not finished and blocks and not blocks[-1].closed:
        return ""  # truncated while the program was being written
    programs = [block.code for block in blocks if _is_program(block)]
    if programs:
        return _choose_self_contained(programs)
    marked = [
        block.code
        for block in blocks
        if PYTHON_INFO.match(block.info) and block.code.strip() and not REPL_PROMPT.search(block.code[:MAX_CHARS])
    ]
    if marked:
        return marked[-1]
    return answer if finished and not blocks and (PROGRAM_START.match(answer) or _is_bare_program(answer)) else ""


def _is_bare_program(text: str) -> bool:
    """Return whether a text without a fence is Python as a whole, and assigns or calls something."""
    tree = _parse(text) if len(text) <= MAX_CHARS and ("=" in text or "(" in text) else None
    return tree is not None and any(_has_effect(node) for node in tree.body)


def _choose_self_contained(programs: Sequence[str]) -> str:
    """Return the last block that stands on its own: not a usage example whose names only an earlier block defines."""
    trees = [_parse(code) for code in programs]
    first_definition: dict[str, int] = {}
    for index, tree in enumerate(trees):
        for name in (name for node in (tree.body if tree else ()) for name in _iter_defined_names(node)):
            first_definition.setdefault(name, index)
    for index in range(len(programs) - 1, 0, -1):
        if not any(first_definition.get(name, index) < index for name in _list_free_names(trees[index])):
            return programs[index]
    return programs[0]


def _parse(code: str) -> ast.Module | None:
    try:
        return ast.parse(code[:MAX_CHARS])
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


def _list_free_names(tree: ast.Module | None) -> set[str]:
    """Return the names that a block uses and neither defines nor finds among the builtins."""
    nodes = list(ast.walk(tree)) if tree else []
    names = [node for node in nodes if isinstance(node, ast.Name)]
    bound_names = {node.id for node in names if not isinstance(node.ctx, ast.Load)}
    bound_names |= {
        node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    bound_names |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    imported = [alias for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names]
    if any(alias.name == "*" for alias in imported):
        return set()
    bound_names |= {(alias.asname or alias.name).partition(".")[0] for alias in imported}
    return {node.id for node in names} - bound_names - set(dir(builtins))


def iter_blocks(text: str) -> Iterator[FencedBlock]:
    """Yield every fenced block, delimited by backticks or tildes, in order.

    A fence is closed by one at least as long that is indented at most three columns deeper than the opening one, or by
    one at the end of a line of code. A new marked fence inside an open block starts another block, since the model
    forgot to close the first.
    """
    lines, start, fence, before = text.split("\n"), -1, ("", "", ""), ""
    for number, line in enumerate(lines):
        opening = FENCE.match(line)
        if start < 0:
            if opening:
                start, fence = number, (opening[1], opening[2], opening[3].strip())
            elif line.strip():
                before = line.strip()
            continue
        if (
            opening
            and opening[2].startswith(fence[1])
            and len(_blank_prefix(opening[1])) <= len(_blank_prefix(fence[0])) + 3
        ):
            yield _make_block(fence, lines[start + 1 : number], before, closed=True)
            start, before = (number if opening[3].strip() else -1), ""
            fence = (opening[1], opening[2], opening[3].strip())
        elif line.rstrip().endswith(fence[1]) and line.count(fence[1]) == 1 and not opening:
            yield _make_block(
                fence, [*lines[start + 1 : number], line.rstrip().removesuffix(fence[1])], before, closed=True
            )
            start, before = -1, ""
    if start >= 0:
        yield _make_block(fence, lines[start + 1 : len(lines) - (not lines[-1])], before, closed=False)


def _make_block(fence: tuple[str, str, str], body: Sequence[str], before: str, *, closed: bool) -> FencedBlock:
    quoted = ">" in fence[0]
    margin = 0 if quoted else len(_blank_prefix(fence[0]))
    lines = [re.sub(r"^[ \t]*(?:>[ \t]?)+", "", line) if quoted else line for line in body]
    stripped = [line[min(margin, len(line) - len(line.lstrip())) :] for line in lines]
    code = "".join(f"{line}\n" for line in stripped)
    first = next((line for line in stripped if line.strip()), "")
    return FencedBlock(fence[2], textwrap.dedent(code) if first[:1] in (" ", "\t") else code, before, closed)


def _blank_prefix(prefix: str) -> str:
    """Return what precedes a fence as blanks of the same width; the marker of a list item counts as it is written."""
    return re.sub(r"[^ \t]", " ", prefix.replace(">", ""))


def _is_program(block: FencedBlock) -> bool:
    """Return whether a block is a program.

    It is marked as Python or unmarked, is not announced as output, and has statements with an effect.
    """
    if not block.code.strip() or REPL_PROMPT.search(block.code[:MAX_CHARS]):
        return False
    if block.info and not PYTHON_INFO.match(block.info):
        return False
    tree = _parse(block.code)
    if tree is None:  # with a syntax error it counts where it is marked, or begins like a program
        return bool(block.info) or (bool(PROGRAM_START.match(block.code)) and not OTHER_LANGUAGE.search(block.code))
    if OUTPUT_INTRO.search(block.before.strip("*_#: ")):
        return any(isinstance(node, DEFINITIONS) for node in tree.body)
    return any(_has_effect(node) for node in tree.body)


def _has_effect(statement: ast.stmt) -> bool:
    """Return whether a statement is more than a bare value, or a name with a bare annotation such as `Output: 3`."""
    if isinstance(statement, ast.AnnAssign):
        return statement.value is not None
    return not isinstance(statement, ast.Expr) or any(
        isinstance(inner, ast.Call) for inner in ast.walk(statement.value)
    )
