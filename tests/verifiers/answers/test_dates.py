import pytest

from assay.verifiers.answers.dates import DayOfYear, read_day_of_year


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("October 30", (10, 30)),
        ("oct. 30th", (10, 30)),
        ("30 October", (10, 30)),
        ("the 30th of October", (10, 30)),
        ("Sept. 3", (9, 3)),
        ("Sep 3", (9, 3)),
        ("May", None),
        ("may be 5", None),
        ("October 32", None),
        ("October 0", None),
        ("Octopus 3", None),
        ("Decimal 5", None),
        ("5 mars", None),
        ("March 3, 2020", None),
    ],
)
def test_a_day_of_a_month_is_read_in_any_order(text, day):
    assert read_day_of_year(text) == (DayOfYear(*day) if day else None)
