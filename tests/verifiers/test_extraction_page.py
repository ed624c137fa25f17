"""docs/grading.md, line by line: what it says of finding an answer and of choices is what happens."""

import re
from pathlib import Path

import pytest

from assay.verifiers.answers.extraction import find_final_answer
from assay.verifiers.choice import Choice

PAGE = (Path(__file__).parents[2] / "docs" / "grading.md").read_text(encoding="utf-8")
OPTIONS = {"choices": ["Rome", "Paris", "Berlin", "12"]}


def section(title: str) -> str:
    return PAGE.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def rows(title: str, columns: int) -> list[tuple[str, ...]]:
    """The cells of a section's tables: code as written, with line ends and pipes."""
    lines = [line for line in section(title).splitlines() if re.match(r"\| `|\| +\|", line)]
    cells = [tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]) for line in lines]
    assert all(len(each) == columns for each in cells), cells
    return [tuple(code(cell) for cell in each) for each in cells]


def code(cell: str) -> str:
    bare = re.sub(r"^`` (.*) ``$|^`(.*)`$", lambda match: match[1] or match[2] or "", cell)
    return bare.replace("⏎", "\n").replace("\\|", "|")


@pytest.mark.parametrize(("text", "answer", "how"), rows("Where the answer is looked for", 3))
def test_an_answer_is_found_as_the_page_says(text, answer, how):
    found = find_final_answer(text, finished=True)
    assert (found.text, found.how) == (answer, how) if found else (answer, how) == ("", "-")


@pytest.mark.parametrize(("gold", "text", "strict", "lenient"), rows("Multiple choice", 4))
def test_a_choice_is_judged_as_the_page_says(case, gold, text, strict, lenient):
    verdict = Choice().judge(case(gold, text, verifier="choice", metadata=OPTIONS))
    assert (verdict.outcome, verdict.lenient or verdict.outcome) == (strict, lenient)


def test_the_page_holds_examples_of_every_rule():
    rules = re.findall(r"^\d\. \*\*", section("Where the answer is looked for"), re.M)
    tables = section("Where the answer is looked for").count("| text | answer | how |")
    assert len(rules) == tables == 8
    assert len(rows("Where the answer is looked for", 3)) > 50
