import pytest

from assay.maths.text.reordering import bonds, is_reordering

STORKS = "2 birds and 6 storks were sitting on the fence. 3 more birds came to join them."


@pytest.mark.parametrize(
    "text",
    [
        "6 storks and 2 birds were sitting on the fence. 3 more birds came to join them.",
        "3 more birds came to join them. 2 birds and 6 storks were sitting on the fence.",
        STORKS,
    ],
)
def test_sentences_and_parts_of_them_may_change_places(text):
    assert is_reordering(STORKS, text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (STORKS, "6 birds and 3 storks were sitting on the fence. 2 more storks came to join them."),
        ("If $x - y = 12$ and $x + y = 6$, what is $y$?", "If $x - y = 6$ and $x + y = 12$, what is $y$?"),
        ("Norma ran for 5 hours at 3 miles per hour.", "Norma ran for 3 hours at 5 miles per hour."),
        ("12 - 5", "5 - 12"),
        (
            "1 ant, 2 bees, 3 cats, 4 dogs, 5 eels, 6 foxes, 7 gnus and 8 hens",
            "2 ant, 1 bees, 3 cats, 4 dogs, 5 eels, 6 foxes, 7 gnus and 8 hens",
        ),
        (
            "A restaurant served 6 cakes at lunch and 9 at dinner.",
            "A restaurant served 9 pizzas at lunch and 6 at dinner.",
        ),
        ("It costs $12 for adults and $10 for children.", "It costs $10 for adults and $12 for children."),
        ("Tom has 5 apples and Jane has 7 apples.", "Tom has 7 apples and Jane has 5 apples."),
        (
            "4 students drank 1.5 quarts and 16 students drank 2 quarts.",
            "16 students drank 1.5 quarts and 4 students drank 2 quarts.",
        ),
        (
            "She spent 200 dollars on ties that cost 40 dollars each.",
            "She spent 40 dollars on ties that cost 200 dollars each.",
        ),
        ("She works from 1:00 PM to 5:00 PM.", "She works from 5:00 PM to 1:00 PM."),
        ("Compute the sine of 150 degrees.", "Compute the sine of 510 degrees."),
    ],
)
def test_exchanged_numbers_make_another_problem(one, other):
    assert not is_reordering(one, other)


def test_a_word_of_another_sentence_is_no_neighbour():
    assert bonds("It is 5. Then 6!") == {("5", "<is"), ("6", "<then")}


def test_texts_without_amounts_are_turned():
    assert is_reordering("Who sings?", "What flies?")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "It costs 12 dollars for adults and 10 dollars for children.",
            "It costs 10 dollars for children and 12 dollars for adults.",
        ),
        ("6 more storks and 2 more birds came to join them.", "2 more birds and 6 more storks came to join them."),
        ("Tom has 5 apples and Jane has 7 apples.", "Jane has 7 apples and Tom has 5 apples."),
    ],
)
def test_amounts_before_one_word_may_turn_around_with_what_tells_them_apart(one, other):
    assert is_reordering(one, other)
