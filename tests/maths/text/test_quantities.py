import pytest

from assay.maths.text.quantities import normalize_quantities


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("zero, One and ELEVEN", "0, 1 and 11"),
        ("twenty-one or twenty one", "21 or 21"),
        ("one hundred and five", "105"),
        ("two thousand three hundred", "2300"),
        ("three million, four hundred", "3000000, 400"),
        ("2.5 million", "2500000"),
        ("one and two", "1 and 2"),
        ("two three", "2 3"),
        ("two thirds, three-quarters", "2/3, 3/4"),
        ("a third grade, fifth place", "a third grade, fifth place"),
        ("one third grader", "1/3 grader"),
        ("$5, €6, US$7", "5 dollars, 6 euros, 7 dollars"),
        ("5\\% and 6 percent", "5 percent and 6 percent"),
        ("5m long, 5 m long, x = 5 m + 1", "5 meters long, 5 meters long, x = 5 m + 1"),
        ("the 5th and 3D", "the 5th and 3D"),
        ("none someone tenant", "none someone tenant"),
        ("", ""),
    ],
)
def test_amounts_are_numbers_with_a_word(text, amounts):
    assert normalize_quantities(text) == amounts
