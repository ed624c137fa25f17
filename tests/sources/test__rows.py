import json
from typing import Any

import pytest

from assay.sources._rows import BadRow, Fields, Row, decimal_text, field_of, shown


def test_each_row_is_one_result():
    rows = [Row({"prompt": "a", "answer": "1"}), Row(7, line=2), Row(BadRow("broken_json", "why"), line=3)]
    first, second, third = Fields().found(rows)
    assert first[1].answer == "1"
    assert [(each.reason, each.line) for each in (second, third)] == [("not_an_object", 2), ("broken_json", 3)]


def test_a_flat_name_with_dots_wins_over_a_path():
    assert field_of({"a.b": 1, "a": {"b": 2}}, "a.b") == 1
    assert field_of({"a": {"b": 2}}, "a.b") == 2
    with pytest.raises(BadRow, match=r"a\.c"):
        field_of({"a": {"b": 2}}, "a.c")


@pytest.mark.parametrize(
    ("value", "text"), [(145.0, "145"), (0.1, "0.1"), (-0.0, "0"), (10**400, "1" + "0" * 400), (1e22, "1" + "0" * 22), (1e-7, "0.0000001")]
)
def test_a_number_as_answer_is_its_shortest_decimal(value, text):
    assert decimal_text(value) == text
    assert Fields(answer_numbers=True).pair(Row({"prompt": "a", "answer": value}))[1].answer == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, None, [1]])
def test_what_is_no_finite_number_is_no_answer(value):
    with pytest.raises(BadRow, match="answer_not_text"):
        Fields(answer_numbers=True).pair(Row({"prompt": "a", "answer": value}))


def test_the_bound_on_bytes_is_met_exactly():
    row = Row({"prompt": "é" * 5, "answer": "1"})
    assert Fields(max_bytes=10).pair(row)
    with pytest.raises(BadRow, match="10 bytes, more than max_bytes = 9"):
        Fields(max_bytes=9).pair(row)


def test_anything_can_be_shown():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    assert shown(deep) == "a list"
    assert shown("\ud800" * 100).isascii()
    assert len(shown("x" * 1000)) == 80
    assert shown(10**5000) == "a int"


@pytest.mark.parametrize(
    ("answer", "row", "kept"),
    [
        ("test_list", {"test_list": ["assert f(1) == 1"], "test_setup_code": "", "test_imports": []}, ["assert f(1) == 1"]),
        (
            "test_list",
            {"test_list": ["assert f(1) == 1"], "test_imports": ["import re"]},
            {"tests": ["assert f(1) == 1"], "test_imports": ["import re"]},
        ),
        ("test", {"test": "def check(c):\n    assert c(1)", "entry_point": "f"}, {"tests": "def check(c):\n    assert c(1)", "entry_point": "f"}),
        ("info", {"info": {"test_cases": [{"input": "1", "output": "1"}]}, "language": "python"}, {"test_cases": [{"input": "1", "output": "1"}]}),
        (
            "info.test_cases",
            {"info": {"test_cases": [{"input": 1, "output": 1}], "language": "cpp"}},
            {"tests": [{"input": 1, "output": 1}], "language": "cpp"},
        ),
        ("tests", {"tests": "[1]", "metadata": '{"func_name": "f"}'}, {"tests": "[1]", "metadata": '{"func_name": "f"}'}),
    ],
)
def test_a_code_label_may_be_an_object_a_list_or_a_text_and_keeps_what_stands_beside_it(answer: str, row: dict[str, Any], kept: Any) -> None:
    _, label = Fields(answer=answer, verifier="code").pair(Row({"prompt": "p", **row}))
    assert json.loads(label.answer) == kept


def test_a_code_label_as_text_stands_as_it_is_where_the_row_tells_nothing_more() -> None:
    text = '{"inputs": ["1"],  "outputs": ["1"]}'
    row = {"prompt": "p", "answer": text, "metadata": {"level": 3}, "language": "python3", "starter_code": ""}
    assert Fields(verifier="code").pair(Row(row))[1].answer == text


def test_an_object_as_answer_is_text_for_code_alone() -> None:
    for verifier in ("math", "exact"):
        with pytest.raises(BadRow, match="answer_not_text"):
            Fields(verifier=verifier).pair(Row({"prompt": "p", "answer": {"a": 1}}))
    with pytest.raises(BadRow, match="answer_not_text"):
        Fields(verifier="code").pair(Row({"prompt": "p", "answer": 3}))


def test_the_columns_beside_the_tests_are_read_from_a_file_with_a_schema() -> None:
    fields, known = Fields(prompt="q", answer="test", verifier="code"), ["q", "test", "entry_point", "other"]
    assert fields.columns(known, "f") == ["q", "test", "entry_point"]
    assert Fields(prompt="q", answer="test", verifier="exact").columns(known, "f") == ["q", "test"]
