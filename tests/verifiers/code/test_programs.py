"""Which part of an answer is the program: the last fence that is one."""

import re
import time
from pathlib import Path

import pytest

from assay.verifiers.code.programs import bind_methods, find_program
from assay.verifiers.code.tests import AssertTest, CallTest

PAGE = (
    (Path(__file__).parents[3] / "docs/grading.md")
    .read_text(encoding="utf-8")
    .partition("### Which part of an answer is the program")[2]
)
SHOWN = re.findall(r'^\| "(.*)" \| (.*) \|$', PAGE.partition("\n## ")[0], re.MULTILINE)


def test_the_page_has_its_table() -> None:
    assert len(SHOWN) == 9


@pytest.mark.parametrize(("answer", "program"), SHOWN)
def test_an_answer_of_the_page_is_read_as_the_page_says(answer: str, program: str) -> None:
    assert find_program(answer.replace("\\n", "\n"), finished=True).strip() == (
        "" if program == "none" else program.strip("`")
    )


@pytest.mark.parametrize(
    ("text", "finished", "program"),
    [
        ("```\nimport a\n```\nno:\n```py\nprint(2)\n```", True, "print(2)\n"),
        ("```python\na\n", True, "a\n"),
        ("```python\na\n", False, ""),
        ("```python\nprint(1)\n```\nbetter:\n```python\nprint(2", False, ""),
        ("def f(): pass", True, "def f(): pass"),
        ("def f(): pass", False, ""),
        ("I cannot.", True, ""),
    ],
)
def test_a_block_that_a_cut_left_open_is_none(text: str, finished: bool, program: str) -> None:
    assert find_program(text, finished=finished) == program


@pytest.mark.parametrize(
    "after",
    [
        "```\n3\n```",
        "```\n3 4\n5 6\n```",
        "```\nOutput: 3\n```",
        "Output:\n```\nx = 3\n```",
        "**Expected output:**\n\n```\nprint(3)\n```",
        "```text\nimport os\n```",
        "```bash\npip install numpy\n```",
        "```\npython main.py < input.txt\n```",
        "```cpp\nint main() {}\n```",
        "```\nimport java.util.*;\nclass A {\n}\n```",
        "```json\n{}\n```",
        "```pycon\n>>> f(1)\n3\n```",
        "```python\n>>> f(1)\n3\n```",
        "```python\n[1, 2, 3]\n```",
        "Output:\n```python\nprint(3)\n```",
        "```\n\n```",
    ],
)
def test_what_is_printed_or_of_another_language_is_no_program(after: str) -> None:
    assert find_program(f"```python\nprint(1)\n```\nSo it is.\n{after}\n", finished=True) == "print(1)\n"


@pytest.mark.parametrize(
    "info",
    ["python", "Python", "py", "python3", "python 3", "python3.11", "{.python}", "python title=main", "main.py", ""],
)
def test_python_has_many_names(info: str) -> None:
    assert find_program(f"```{info}\nprint(1)\n```", finished=True) == "print(1)\n"


@pytest.mark.parametrize(
    "text",
    [
        "  ```python\n  def f():\n      return 1\n  ```",
        "- ```python\n  def f():\n      return 1\n  ```",
        "1. First\n\n   ~~~python\n   def f():\n       return 1\n   ~~~",
        "> ```python\n> def f():\n>     return 1\n> ```",
        "\t```python\n\tdef f():\n\t    return 1\n\t```",
        "````python\ndef f():\n    return 1\n````",
        "```python\r\ndef f():\r\n    return 1\r\n```\r\n",
        "```python\n    def f():\n        return 1\n```",
        "```python\ndef f():\n    return 1```",
        "<think>\n```python\nprint(2)\n```\n</think>\n```python\ndef f():\n    return 1\n```",
        "```python\nprint(2)\n```python\ndef f():\n    return 1\n```",
    ],
)
def test_indentation_lists_quotations_and_thoughts_are_taken_off(text: str) -> None:
    assert find_program(text, finished=True) == "def f():\n    return 1\n"


def test_a_fence_in_a_docstring_closes_nothing_when_it_is_indented() -> None:
    program = 'def f():\n    """\n    ```\n    f()\n    ```\n    """\n    return 1\n'
    assert find_program(f"```python\n{program}```\n", finished=True) == program


def test_a_longer_fence_may_hold_shorter_ones() -> None:
    program = 'TEXT = """\n```\n3\n```\n"""\n'
    assert find_program(f"````python\n{program}````\n", finished=True) == program


def test_a_program_inside_an_unfinished_thought_does_not_count() -> None:
    assert find_program("<think>\n```python\nprint(1)\n```\nhm", finished=False) == ""


def test_a_marked_program_with_a_mistake_is_still_the_program() -> None:
    assert find_program("```python\nprint(1)\n```\n```python\nprint(2\n```", finished=True) == "print(2\n"


def test_many_fences_and_a_long_open_one_are_read_in_linear_time() -> None:
    began = time.perf_counter()
    assert find_program("```python\nprint(1)\n```\n" + "```text\n```\n" * 5_000, finished=True) == "print(1)\n"
    assert find_program("```python\n" + "x = 1\n" * 20_000, finished=False) == ""
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize(
    ("program", "function"),
    [
        ("class Solution:\n    def add(self, a, b):\n        return a + b", "Solution.add"),
        ("def add(a, b):\n    return a + b", "add"),
        ("class Solution:\n    def add(self):\n        pass\ndef add(a, b): pass", "add"),
        ("class Solution:\n    def add(self):\n        pass\nadd = Solution().add", "add"),
        ("class Adder:\n    def add(self, a, b):\n        return a + b", "Adder.add"),
        ("class A:\n    def add(self): pass\nclass B:\n    def add(self): pass", "add"),
        ("class A:\n    def add(self): pass\nclass Solution:\n    def add(self): pass", "Solution.add"),
        ("from operator import add", "add"),
        ("def add(:", "add"),
    ],
)
def test_a_call_reaches_a_method_where_no_function_has_the_name(program: str, function: str) -> None:
    assert bind_methods([CallTest("add", (1, 2), 3)], program) == [CallTest(function, (1, 2), 3)]
    others = [CallTest("Solution.add", (), 1), AssertTest("assert add")]
    assert bind_methods(others, program) == others


def test_what_defines_something_is_a_program_whatever_stands_before_it() -> None:
    assert find_program("Final result:\n```\ndef f():\n    return 1\n```", finished=True) == "def f():\n    return 1\n"


def test_an_example_of_use_is_no_program_and_a_second_program_is() -> None:
    program = "from math import gcd\n\ndef f(a, b):\n    return gcd(a, b)\n"
    for use in ("print(f(2, 4))\n", "x = f(2, 4)\nassert x == 2\n", "for n in range(3):\n    print(f(n, 2))\n"):
        assert find_program(f"```python\n{program}```\nFor example:\n```python\n{use}```", finished=True) == program
    other = "def g(a):\n    return a\n\nprint(g(1))\n"
    assert find_program(f"```python\n{program}```\nBetter:\n```python\n{other}```", finished=True) == other
    whole = "def f(a, b):\n    return 1\nprint(f(1, 2))\n"
    assert find_program(f"```python\n{program}```\nBetter:\n```python\n{whole}```", finished=True) == whole


@pytest.mark.parametrize(
    "text",
    [
        "```" + " " * 100_000 + "`",
        "~" * 100_000 + "`",
        "- " + " " * 100_000 + "x",
        "```python\n" + "\n" * 100_000 + "x = 1\n```",
        "```python\n" + " \n" * 100_000 + ">>> x\n```",
        "> " * 100_000 + "`",
        "`" * 1_000_000,
    ],
    ids=["blanks behind a fence", "tildes", "a list", "empty lines", "blank lines", "quotations", "backticks"],
)
def test_no_answer_takes_more_than_time_in_proportion(text: str) -> None:
    began = time.process_time()
    find_program(text, finished=True)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("<answer>```python\nprint(1)\n```</answer>", "print(1)\n"),
        ("<code> ~~~\nprint(1)\n~~~</code>", "print(1)\n"),
        ("n = int(input())\nprint(n + 1)\n", "n = int(input())\nprint(n + 1)\n"),
        ("for line in open(0):\n    print(line)\n", "for line in open(0):\n    print(line)\n"),
        ("The answer is f(1) = 2.", ""),
        ("n = int(input()\nprint(n)", ""),
        ("42", ""),
    ],
)
def test_a_fence_beside_a_tag_and_a_bare_program_are_read(text, program):
    assert find_program(text, finished=True) == program


def test_a_bare_program_that_was_cut_is_none():
    assert find_program("n = int(input())\nprint(n + 1)\n", finished=False) == ""
