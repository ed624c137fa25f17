"""Letters of options: in any dress, with their text, and taken back."""

import pytest

from assay.verifiers.answers.letters import match_option, read_letters, read_prose_choice, strip_explanation

TEXTS = {"A": "paris", "B": "rome", "C": "oslo", "D": "125"}


@pytest.mark.parametrize(
    ("answer", "letters"),
    [
        *(
            ("B", "B"),
            ("(B)", "B"),
            ("[B]", "B"),
            ("B.", "B"),
            ("**B**", "B"),
            ("b", "B"),
            ("option B", "B"),
            ("the correct answer is B", "B"),
        ),
        *(
            ("选项B", "B"),
            ("B is correct", "B"),
            ("B, not A", "B"),
            ("B - rome", "B"),
            ("(B) rome", "B"),
            ("B: rome", "B"),
        ),
        *(
            ("A, C", "AC"),
            ("AC", "AC"),
            ("A and C", "AC"),
            ("(A) and (C)", "AC"),
            ("{A, C}", "AC"),
            ("A、C", "AC"),
            ("A, C are correct", "AC"),
        ),
        *(("rome", ""), ("", ""), ("Because it is", ""), ("B is wrong", ""), ("E", ""), ("AA", ""), ("A, A", "A")),
    ],
)
def test_the_letters_at_the_head_of_an_answer_are_named(answer, letters):
    assert "".join(sorted(read_letters(answer, "ABCD").letters)) == letters


@pytest.mark.parametrize(
    ("answer", "doubt"),
    [
        ("B", ""),
        ("B, not A", ""),
        ("A or C", "one or the other"),
        ("B as it is large", "prose behind the letter"),
        ("b. rome", "a small letter"),
    ],
)
def test_what_takes_some_reading_says_so(answer, doubt):
    assert read_letters(answer, "ABCD").doubt == doubt


def test_the_text_behind_a_letter_is_kept():
    assert read_letters("B) Rome", "ABCD").text == "rome"


@pytest.mark.parametrize(
    ("phrase", "rest"),
    [("B, not A", "B"), ("rome because it is old", "rome"), ("rome", "rome"), ("7, weil 3 fehlen", "7")],
)
def test_a_clause_that_explains_comes_off(phrase, rest):
    assert strip_explanation(phrase) == rest


@pytest.mark.parametrize(
    ("answer", "letter"), [("Rome", "B"), ("$125.0$", "D"), ("Bern", ""), ("", ""), ("Rome or Oslo", "")]
)
def test_an_option_is_told_by_its_text_or_its_number(answer, letter):
    assert match_option(answer, TEXTS) == letter


def test_a_text_that_two_options_share_names_neither():
    assert match_option("rome", {"A": "rome", "B": "rome"}) == ""


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("Rome is wrong, so Paris it is.", "A"),
        ("I would go for C here.", "C"),
        ("A city in the north, namely Oslo.", "C"),
        ("Paris and Rome both fit.", ""),
        ("Paris is eliminated.", ""),
        ("Nothing fits.", ""),
    ],
)
def test_the_one_option_of_the_last_sentence_is_read_in_doubt(text, letters):
    found = read_prose_choice(text, TEXTS, "ABCD")
    assert "".join(sorted(found.letters)) == letters
    assert bool(found.doubt) == bool(letters)


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        ("-1+x", "B"),
        ("x^2+x+1", "C"),
        ("1-x", ""),
        ("-x+1", ""),
        ("2020-02-01", ""),  # no sum
        ("twenty-five", "E"),
    ],
)
def test_a_sum_is_its_option_in_any_order_and_a_number_in_words_its_digits(answer, letter):
    options = {"A": "x+1", "B": "x - 1", "C": "1 + x + x^2", "D": "2020-01-02", "E": "25"}
    assert match_option(answer, options) == letter
