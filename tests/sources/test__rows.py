import pytest

from assay.maths.text.golds import decimal_text
from assay.sources._bad_row import BadRow
from assay.sources._rows import Fields, Row


def test_each_row_is_one_result():
    rows = [Row({"prompt": "a", "answer": "1"}), Row(7, line=2), Row(BadRow("broken_json", "why"), line=3)]
    first, second, third = Fields().convert_rows(rows)
    assert first[1].answer == "1"
    assert [(drop.reason, drop.line) for drop in (second, third)] == [("not_an_object", 2), ("broken_json", 3)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (145.0, "145"),
        (0.1, "0.1"),
        (-0.0, "0"),
        (10**400, "1" + "0" * 400),
        (1e22, "1" + "0" * 22),
        (1e-7, "0.0000001"),
    ],
)
def test_a_number_as_answer_is_its_shortest_decimal(value, text):
    assert decimal_text(value) == text
    assert Fields(answer_numbers=True).convert_row(Row({"prompt": "a", "answer": value}))[1].answer == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, None, [[1], 2], [{"a": 1}], []])
def test_what_is_no_finite_number_is_no_answer(value):
    with pytest.raises(BadRow, match="answer_not_text"):
        Fields(answer_numbers=True).convert_row(Row({"prompt": "a", "answer": value}))


def test_the_bound_on_bytes_is_met_exactly():
    row = Row({"prompt": "é" * 5, "answer": "1"})
    assert Fields(max_bytes=10).convert_row(row)
    with pytest.raises(BadRow, match="10 bytes, more than max_bytes = 9"):
        Fields(max_bytes=9).convert_row(row)


def test_an_object_as_answer_is_text_for_code_alone() -> None:
    for verifier in ("math", "exact"):
        with pytest.raises(BadRow, match="answer_not_text"):
            Fields(verifier=verifier).convert_row(Row({"prompt": "p", "answer": {"a": 1}}))
    with pytest.raises(BadRow, match="answer_not_text"):
        Fields(verifier="code").convert_row(Row({"prompt": "p", "answer": 3}))


def test_the_columns_beside_the_tests_are_read_from_a_file_with_a_schema() -> None:
    fields, known = Fields(prompt="q", answer="test", verifier="code"), ["q", "test", "entry_point", "other"]
    assert fields.select_columns(known, "f") == ["q", "test", "entry_point"]
    assert Fields(prompt="q", answer="test", verifier="exact").select_columns(known, "f") == ["q", "test"]


def read(row, **settings):
    return Fields(**settings).convert_row(Row(row))


def refused(row, **settings):
    with pytest.raises(BadRow) as error:
        read(row, **settings)
    return error.value.reason


@pytest.mark.parametrize(
    ("value", "settings", "answers"),
    [
        (["2"], {}, ("2",)),
        (["2", "two"], {}, ("2", "two")),
        (["2", "2 "], {}, ("2",)),
        (["1", "2"], {"answer_list": "all"}, ("1, 2",)),
        (["A", "C"], {"verifier": "choice"}, ("A, C",)),
        ([2], {"answer_numbers": True}, ("2",)),
        ({"value": "4"}, {}, ("4",)),
        ({"final_answer": ["4", "four"]}, {}, ("4", "four")),
        ('["4"]', {}, ("4",)),
        ('{"answer": "4"}', {}, ("4",)),
        ('{"answer": 4}', {}, ("4",)),
        ("[1, 2]", {}, ("[1, 2]",)),
        ("{1, 2}", {}, ("{1, 2}",)),
        ('["a", "b"]', {"verifier": "exact"}, ('["a", "b"]',)),
        ('{"inputs": ["1"], "outputs": ["2"]}', {"verifier": "code"}, ('{"inputs": ["1"], "outputs": ["2"]}',)),
        ("9 (apples)", {"answer_form": "number"}, ("9",)),
        ("1,500 (miles)", {"answer_form": "number"}, ("1,500",)),
        ("12 cm", {"answer_form": "number"}, ("12",)),
        ("x + 1", {"answer_form": "number"}, ("x + 1",)),
        ("She sold 24.\n#### 72", {"answer_form": "solution"}, ("72",)),
        ("so \\boxed{\\frac{1}{2}}.", {"answer_form": "solution"}, ("\\frac{1}{2}",)),
        ("7", {"answer_form": "solution"}, ("7",)),
    ],
)
def test_a_gold_is_read_as_its_source_holds_it(value, settings, answers):
    assert read({"prompt": "q", "answer": value}, **settings)[1].answers == answers


def test_a_dotted_name_reaches_into_a_list_and_a_bar_falls_back():
    assert read({"prompt": "q", "final_answer": ["2", "3"]}, answer="final_answer.1")[1].answer == "3"
    fields = Fields(prompt="problem|question", answer="answer|solution")
    assert [
        fields.convert_row(Row(row))[0].text
        for row in ({"problem": "a", "answer": "1"}, {"question": "b", "solution": "2"})
    ] == ["a", "b"]
    assert fields.convert_row(Row({"problem": None, "question": "b", "answer": "1"}))[0].text == "b"
    assert fields.select_columns(["question", "answer", "other"], "a.csv") == ["question", "answer"]
    assert refused({"text": "a", "answer": "1"}, prompt="problem|question") == "missing_field"


@pytest.mark.parametrize(
    "answer",
    ["\x0crac{1}{2}", "x \neq 0", "\x08oxed{4}", "5 \times 3", "5 \text{ cm}", "\right", "\x07lpha", "a\x7f"],
)
def test_an_answer_whose_latex_was_not_escaped_is_a_drop(answer):
    assert refused({"prompt": "q", "answer": answer}) == "gold_control_character"


def test_a_prompt_is_damaged_only_where_no_word_explains_it():
    assert refused({"prompt": "Find \x0crac{1}{2}", "answer": "1"}) == "prompt_control_character"
    assert refused({"prompt": "Let $x \neq 0$", "answer": "1"}) == "prompt_control_character"
    for prompt in ("Page one\x0c\nPage two", "Two\nequal\tthin\rlines", "a\nnew line", "\tindented"):
        assert read({"prompt": prompt, "answer": "1"})[0].text == prompt
    assert read({"prompt": "q", "answer": "Add them.\nequal\n#### 4"}, answer_form="solution")[1].answer == "4"
    assert read({"prompt": "def f():\n\ttext = 1", "answer": "{}"}, verifier="code")[0].text


def test_a_chat_that_ends_with_the_answer_is_a_drop_unless_configured():
    row = {
        "prompt": [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "It is \\boxed{4}"}],
        "answer": "4",
    }
    assert refused(row) == "ends_with_assistant"
    assert [turn.role for turn in read(row, assistant_end="remove")[0].messages] == ["user"]
    assert [turn.role for turn in read(row, assistant_end="keep")[0].messages] == ["user", "assistant"]
    assert refused({"prompt": [row["prompt"][1]], "answer": "4"}, assistant_end="remove") == "bad_chat"


def test_a_chat_stored_as_text_is_the_chat():
    problem, _ = read({"prompt": '[{"role": "user", "content": "2 + 2?"}]', "answer": "4"})
    assert problem.messages == (("user", "2 + 2?"),)


def test_a_row_that_needs_a_picture_is_a_drop_unless_configured():
    for row in (
        {"prompt": "<image>What is the area?"},
        {"prompt": "What?", "images": ["a.png"]},
        {"prompt": "What?", "image": {"bytes": b"x"}},
    ):
        assert refused({**row, "answer": "4"}) == "needs_image"
        assert read({**row, "answer": "4"}, media="ignore")
    for row in ({"images": []}, {"image": None}, {"image": ""}, {"image": float("nan")}):
        assert read({**row, "prompt": "What?", "answer": "4"})
    assert Fields().select_columns(["prompt", "answer", "image", "x"], "a.parquet") == ["prompt", "answer", "image"]
    assert Fields().select_columns(["prompt", "answer", "tools", "x"], "a.parquet") == ["prompt", "answer", "tools"]


def test_a_field_that_cannot_be_kept_is_left_out():
    problem, _ = read(
        {"prompt": "q", "answer": "4", "emb": [1.0, float("nan")], "level": 3}, metadata_fields=("emb", "level", "none")
    )
    assert problem.metadata == '{"level":3}'
