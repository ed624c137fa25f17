"""A stage's key and its text form in the lake."""

import pytest

from assay.pipelines.context.results import StageKey


@pytest.mark.parametrize("text", ["1ff8", "1ff8+71df", "a+b+c", "round/4f"])
def test_a_key_that_is_read_is_written_as_it_was(text: str) -> None:
    assert str(StageKey.parse(text)) == text


def test_the_first_part_is_the_ledgers_and_the_last_the_rows() -> None:
    key = StageKey.of("1ff8", "71df")
    assert (key.ledger, key.rows) == ("1ff8", "71df")
    assert StageKey.of("1ff8").ledger == StageKey.of("1ff8").rows == "1ff8"


@pytest.mark.parametrize("parts", [(), ("",), ("a", ""), ("a+b",)])
def test_a_key_that_its_text_could_not_give_back_is_refused(parts: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="parts"):
        StageKey(parts)
