"""Each line of the page on equal answers, judged as it says."""

import re
from pathlib import Path

import pytest

from assay.verifiers.math.verifier import Math

PAGE = Path(__file__).parents[2] / "docs" / "grading.md"


def rows(header):
    """The cells of the tables with a header, in the section on equal answers, without their backticks."""
    section = PAGE.read_text(encoding="utf-8").split("## When two answers are equal", 1)[1].split("\n## ", 1)[0]
    lines = section.splitlines()
    for start in (index for index, line in enumerate(lines) if line == f"| {header} |"):
        for line in lines[start + 2 :]:
            if not line.startswith("|"):
                break
            yield [cell.strip().removeprefix("`").removesuffix("`") for cell in line.strip("|").split(" | ")]


def judged(case, gold, text, prompt="How many?"):
    verdict = Math().judge(case(gold, text, prompt=prompt))
    return verdict.outcome, verdict.lenient or verdict.outcome


@pytest.mark.parametrize(
    "row", rows("gold | answer | strict | lenient | why"), ids=lambda row: f"{row[0]} beside {row[1]}"
)
def test_a_boxed_answer_is_judged_as_the_page_says(case, row):
    gold, answer, strict, lenient, _ = row
    assert judged(case, gold, f"So \\boxed{{{answer}}}.") == (strict, lenient)


@pytest.mark.parametrize("row", rows("question | gold | answer | strict | lenient | why"), ids=lambda row: row[0])
def test_an_answer_is_judged_by_what_the_question_names(case, row):
    question, gold, answer, strict, lenient, _ = row
    assert judged(case, gold, f"So \\boxed{{{answer}}}.", question) == (strict, lenient)


@pytest.mark.parametrize("row", rows("gold | text | strict | lenient | why"), ids=lambda row: row[1])
def test_a_phrase_is_judged_as_the_page_says(case, row):
    gold, text, strict, lenient, _ = row
    assert judged(case, gold, text) == (strict, lenient)


def test_the_page_has_a_rule_per_row_and_each_row_has_its_reason():
    found = [
        row
        for header in ("gold | answer | strict | lenient | why", "gold | text | strict | lenient | why")
        for row in rows(header)
    ]
    assert len(found) > 80
    assert all(len(row) == 5 and row[4] and not re.search(r"`$", row[1]) for row in found)
