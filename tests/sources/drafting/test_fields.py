"""Fields guessed from rows in the shapes of published data sets."""

import pytest

from assay.core.errors import ConfigError
from assay.sources.drafting.fields import guess_fields, read_sample

TURN = {"role": "user", "content": "What is 1 + 1?"}
SHAPES = {
    "GSM8K": (
        {"question": "How many apples?", "answer": "She has 2 and buys 3, so she has 5 apples.\n#### 5"},
        {"prompt": "question", "answer": "answer", "answer_form": "solution"},
    ),
    "MATH with both": (
        {"problem": "What is x?", "solution": "We see that it is \\boxed{3}.", "answer": "3", "level": "Level 1"},
        {"prompt": "problem", "answer": "answer", "metadata_fields": ["level"]},
    ),
    "SVAMP": (
        {"Body": "Tom has 3 apples", "Question": "How many are left?", "Answer": 2.0},
        {"prompt": ["Body", "Question"], "end_with_period": True, "answer": "Answer", "answer_numbers": True},
    ),
    "ASDiv": (
        {"body": "Ann has 9 apples.", "question": "How many?", "answer": "9 (apples)"},
        {"prompt": ["body", "question"], "answer": "answer", "answer_form": "number"},
    ),
    "verl": (
        {"data_source": "x", "prompt": [TURN], "reward_model": {"style": "rule", "ground_truth": "2"}},
        {"prompt": "prompt", "answer": "reward_model.ground_truth", "metadata_fields": ["data_source"]},
    ),
    "MMLU": (
        {"question": "Which is it?", "choices": ["w", "x", "y", "z"], "answer": 0},
        {
            "prompt": "question",
            "answer": "answer",
            "answer_numbers": True,
            "verifier": "choice",
            "options": "choices",
            "answer_index": 0,
        },
    ),
    "one column per option": (
        {"question": "Which is it?", "A": "w", "B": "x", "C": "y", "answer": "B"},
        {"prompt": "question", "answer": "answer", "verifier": "choice", "options": ["A", "B", "C"]},
    ),
    "MBPP": (
        {"text": "Write a function to add.", "code": "def f(): ...", "test_list": ["assert f() is None"]},
        {"prompt": "text", "answer": "test_list", "verifier": "code"},
    ),
    "names of no data set": (
        {"frage": "Wie viel ist 1 und 1?", "loesung": "2"},
        {"prompt": "frage", "answer": "loesung"},
    ),
}


@pytest.mark.parametrize(("row", "settings"), SHAPES.values(), ids=SHAPES)
def test_the_first_guess_is_what_a_person_would_write(row, settings):
    assert guess_fields([row] * 3)[0].settings == settings


def test_a_name_that_only_some_rows_have_falls_back_to_the_others():
    rows = [{"problem": "What is 1 + 1?", "answer": "2"}, {"question": "What is 2 + 2?", "answer": "4"}]
    assert guess_fields(rows)[0].settings["prompt"] == "problem|question"


@pytest.mark.parametrize(("indices", "start"), [((0, 3), 0), ((1, 4), 1), ((1, 2), 0)])
def test_indices_count_from_1_only_where_the_last_option_needs_it(indices, start):
    rows = [{"question": "Which is it?", "choices": ["w", "x", "y", "z"], "answer": index} for index in indices]
    assert guess_fields(rows)[0].settings["answer_index"] == start


def test_pictures_are_told():
    (note,) = guess_fields([{"problem": "What is it?", "answer": "3", "images": ["a.png"]}])[0].notes
    assert "'images' holds pictures" in note


def test_rows_without_a_question_give_no_guess():
    assert guess_fields([{"a": 1, "b": 2}]) == []


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.jsonl", "", "none of its first 0 rows is an object"),
        ("a.jsonl", "7\n", "none of its first 1 rows is an object with named fields, the first: 7"),
        ("a.jsonl", "\x00\x01", "the first: "),
        ("a.xlsx", "x", "unknown file type '.xlsx'"),
    ],
)
def test_a_file_without_rows_is_one_sentence(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_sample(tmp_path / name)
    with pytest.raises(ConfigError, match="no file"):
        read_sample(tmp_path / "nothing.jsonl")


def test_a_field_with_one_word_in_every_row_is_kept_as_a_fact():
    rows = [
        {"query": f"What is {i} + {i}?", "worked": f"{i} + {i} = #### {2 * i}", "kind": "add", "note": "two words"}
        for i in range(4)
    ]
    settings = next(guess.settings for guess in guess_fields(rows) if guess.settings["answer"] == "worked")
    assert settings == {
        "prompt": "query",
        "answer": "worked",
        "answer_form": "solution",
        "metadata_fields": ["kind"],
    }
