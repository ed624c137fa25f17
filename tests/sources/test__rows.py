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
