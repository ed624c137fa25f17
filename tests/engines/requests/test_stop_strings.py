import pytest

from assay.engines.requests.stop_strings import cut_at_stop


@pytest.mark.parametrize(
    ("text", "stops", "expected"),
    [
        ("a b c", ("c", "b"), ("a ", "b")),  # the first in the text, not in the list
        ("a<<b", ("<", "<<"), ("a", "<<")),  # of two at one place the longer
        ("abc", ("", "d"), ("abc", "")),
        ("stop", ("stop",), ("", "stop")),
    ],
)
def test_a_text_ends_before_the_first_stop_string(text, stops, expected):
    assert cut_at_stop(text, stops) == expected
