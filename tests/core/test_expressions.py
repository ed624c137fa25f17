import pytest

from assay.core.errors import ConfigError
from assay.core.expressions import parse_expression

ROW = {"reward": 0.5, "acc": 1, "verdict": "right", "ok": True}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("reward > 0.4", True),
        ("0 < reward < 0.5", False),
        ("acc == 1 and not reward >= 1", True),
        ("verdict in ('right', 'correct')", True),
        ("verdict not in ['right']", False),
        ("ok", True),
        ("reward * 2 - acc == 0 or acc < -1", True),
        ("reward is None", False),
    ],
)
def test_an_expression_says_of_a_row_whether_it_is_true(text: str, value: bool) -> None:
    assert parse_expression(text)(ROW) is value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "reward >",
        "open('x')",
        "verdict.upper()",
        "[x for x in (1, 2)]",
        "lambda: 1",
        "2 ** 9999",
        "reward[0]",
        "x" * 2000,
    ],
)
def test_what_calls_or_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_expression(text)


def test_a_column_that_is_missing_is_named_with_its_neighbours() -> None:
    with pytest.raises(ConfigError, match="no column 'acs'; nearest: 'acc'"):
        parse_expression("acs == 1")(ROW)
