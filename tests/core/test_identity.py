"""Equal content, equal id; anything else, another."""

import hashlib

import pytest

from assay.core.identity import canonical_json, content_id


def test_an_id_is_known_in_advance() -> None:
    assert content_id("label", "p", "4") == "5986b1ecef4632c976e8e535"


def test_the_order_of_keys_does_not_matter_and_the_order_of_items_does() -> None:
    assert content_id({"a": 1, "b": 2}) == content_id({"b": 2, "a": 1})
    assert content_id([1, 2]) != content_id([2, 1])


def test_parts_do_not_run_together() -> None:
    assert content_id("ab", "c") != content_id("a", "bc")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_json_cannot_hold_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(value)


def test_a_lone_surrogate_has_no_id() -> None:
    with pytest.raises(UnicodeEncodeError):
        content_id("\ud800")


LONG = [f"é{number}" for number in range(9_000)]


@pytest.mark.parametrize(
    "parts",
    [
        ("s", LONG, 1, tuple(LONG[:4_097])),
        ([LONG, {"b": LONG}, *[["é", 1], {"b": "é"}] * 2_049],),
        ("a", 'q"\\\n\x00\x7f', "é²\u2028", ""),
        ("a", 1, None, ("b",)),
        ((),),
        (),
    ],
)
def test_an_id_is_the_hash_of_canonical_json_whichever_way_it_was_written(parts: tuple[object, ...]) -> None:
    assert content_id(*parts) == hashlib.sha256(canonical_json(parts).encode()).hexdigest()[:24]
