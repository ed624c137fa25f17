import pytest

from assay.maths.turned import bonds, turned

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
    assert turned(STORKS, text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (STORKS, "6 birds and 3 storks were sitting on the fence. 2 more storks came to join them."),
        ("If $x - y = 12$ and $x + y = 6$, what is $y$?", "If $x - y = 6$ and $x + y = 12$, what is $y$?"),
        ("Norma ran for 5 hours at 3 miles per hour.", "Norma ran for 3 hours at 5 miles per hour."),
        ("12 - 5", "5 - 12"),
        ("1 ant, 2 bees, 3 cats, 4 dogs, 5 eels, 6 foxes, 7 gnus and 8 hens", "2 ant, 1 bees, 3 cats, 4 dogs, 5 eels, 6 foxes, 7 gnus and 8 hens"),
        ("A restaurant served 6 cakes at lunch and 9 at dinner.", "A restaurant served 9 pizzas at lunch and 6 at dinner."),
        ("Compute the sine of 150 degrees.", "Compute the sine of 510 degrees."),
    ],
)
def test_exchanged_numbers_make_another_problem(one, other):
    assert not turned(one, other)


def test_a_word_of_another_sentence_is_no_neighbour():
    assert bonds("It is 5. Then 6!") == {("5", "<is"), ("6", "<then")}


def test_texts_without_amounts_are_turned():
    assert turned("Who sings?", "What flies?")
