"""Words that announce an answer, a row a language or a dress."""

import pytest

from assay.verifiers.answers.markers import find_announced


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("The answer is 7.", "7"),
        ("The answers are 7 and 8.", "7 and 8"),
        ("the answer to the first part is therefore: $7$.", "$7$"),
        ("**Answer:** 7", "7"),
        ("Answer = 7", "7"),
        ("Answer → 7", "7"),
        ("#### 7", "7"),
        ("A: 7", "7"),
        ("The correct option is B.", "B"),
        ("Die Antwort lautet 7.", "7"),
        ("La réponse finale est donc 7.", "7"),
        ("La respuesta correcta es 7.", "7"),
        ("A resposta é 7.", "7"),
        ("La risposta è 7.", "7"),
        ("Het antwoord is 7.", "7"),
        ("Ответ: 7.", "7"),
        ("Odpowiedź: 7", "7"),
        ("Cevap: 7", "7"),
        ("Đáp án là 7.", "7"),
        ("Jawabannya adalah 7.", "7"),
        ("答案是 7。", "7"),
        ("故选 B。", "B"),
        ("答えは7です。", "7"),
        ("정답은 7입니다.", "7"),
        ("الجواب هو ٧", "7"),
        ("उत्तर: ७", "7"),
        ("คำตอบคือ 7", "7"),
        ("The answer is 6. So the final answer is 7.", "7"),
    ],
)
def test_the_last_word_that_announces_an_answer_is_taken(text, phrase):
    assert find_announced(text).text == phrase


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Seven.",
        "To check the answer: 2 + 5 = 7",
        "The answer is correct.",
        "The answer is obtained by adding.",
        "##### 7",
        "An option is 7.",
    ],
)
def test_a_word_that_announces_nothing_is_passed_over(text):
    assert find_announced(text) is None


def test_an_answer_that_is_denied_says_so():
    assert find_announced("The answer is not 7.").doubt == "a denial"
    assert find_announced("Is the answer 6? The answer is 7.").doubt == ""


def test_what_stands_before_the_start_is_not_looked_at():
    text = "The answer is 7. And more."
    assert find_announced(text, 16) is None
    assert find_announced(text, 0).at == 13


def test_behind_a_box_only_what_looks_like_a_value_counts():
    text = "The answer is what we all had hoped for since"
    assert find_announced(text, value=True) is None
    assert find_announced("The answer is 7 in the end, as we hoped", value=True).is_value
