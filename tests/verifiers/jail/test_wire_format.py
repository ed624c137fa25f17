"""Plain data survives the way there and back, with its types; nothing else gets through."""

import math
import time
from collections import Counter, OrderedDict, deque, namedtuple
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction

import pytest

from assay.verifiers.jail.wire_format import MAX_DEPTH, dump, load, load_json

VALUES = [
    None, True, 1, 1.0, -0.0, 1e300, math.inf, "a\ud800\n", b"\x00\xff", 10**5000, -(2**64), 2j, range(1, 9, 2), [], (), set(), frozenset({1}), {},
    [1, (2, [3.5, {"a": {4}}])], {1: "a", "1": "b", (1, 2): None}, deque([1, 2]), Decimal("1.10"), Fraction(-1, 3), ["l", "t"], ("i", 3),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_comes_back_with_its_type(value):
    back = load(dump(value))
    assert type(back) is type(value)
    assert back == value
    assert math.copysign(1, back) == math.copysign(1, value) if isinstance(value, float) else True
    assert math.isnan(load(dump(math.nan)))


class Sly(int):
    def __eq__(self, other):
        return True

    __hash__ = int.__hash__


class Colour(IntEnum):
    RED = 3


@pytest.mark.parametrize(
    ("value", "base"),
    [
        (Sly(4), 4),
        (Colour.RED, 3),
        (type("Text", (str,), {"__eq__": lambda *_: True, "__hash__": str.__hash__})("a"), "a"),
        (type("Row", (list,), {"__eq__": lambda *_: True, "__iter__": lambda self: iter([7])})([1]), [1]),
        (namedtuple("Point", "x y")(1, 2), (1, 2)),
        (Counter("aab"), {"a": 2, "b": 1}),
        (OrderedDict(a=1), {"a": 1}),
    ],
)
def test_a_subclass_leaves_its_operators_behind(value, base):
    back = load(dump(value))
    assert type(back) is type(base)
    assert back == base
    assert not back != base  # noqa: SIM202  # the operators are the base's own


@pytest.mark.parametrize("value", [object(), print, int, (x for x in ()), [[object()]], {1: object()}])
def test_other_values_are_refused_or_travel_as_references(value):
    with pytest.raises(ValueError, match="not plain data"):
        dump(value)
    assert load(dump(object(), lambda _: ["r", 5]), lambda data: data[1] + 1) == 6


def test_depth_has_an_end_on_both_sides():
    deep, cyclic = [], []
    for _ in range(MAX_DEPTH + 1):
        deep = [deep]
    cyclic.append(cyclic)
    for value in (deep, cyclic):
        with pytest.raises(ValueError, match="deeper than 200"):
            dump(value)
    with pytest.raises(ValueError, match="deeper than 200"):
        load(b'["l",' * 300 + b"1" + b"]" * 300)
    with pytest.raises(ValueError, match="RecursionError"):
        load(b"[" * 100_000)


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b"[]", b"{}", b'["r",1]', b'["s",["l"]]', b'["d",[["l"],1]]', b'["d",1]', b'["i",5]', b'["g",1,2,0]', b'["F","1","0"]',
     b'["b","x"]',     b'[["l"]]', b'["D","x"]', b'[null]', b'["c","x",1]', b'["d",[1,2,3]]'],
)  # fmt: skip
def test_bytes_of_any_other_form_are_refused(data):
    with pytest.raises(ValueError):  # of json, of unicode or of this file
        load(data)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ((1, [2.5, None, True]), [1, [2.5, None, True]]),
        ({1: "a", "b": (2,)}, {"1": "a", "b": [2]}),
        ([10**5000], [10**5000]),
        ({1, 2}, "other"),
        ([Fraction(1, 3)], ["other"]),
        ({1: 2, "1": 2}, "other"),
        ({(1, 2): 3}, "other"),
    ],
)
def test_what_json_could_hold_is_read_and_all_else_is_left_to_the_caller(value, read):
    assert load_json(dump(value), lambda _: "other") == read


def test_reading_what_json_could_hold_hashes_no_number_and_reduces_none():
    collide = ",".join(f'["i","{((1 << 61) - 1) * k:x}"]' for k in range(5, 20_000))  # all of one hash
    pairs = ",".join(f"[{key},0]" for key in collide.replace("],[", "]|[").split("|"))
    fraction = f'["F","{"7" * 2_000_000}","{"3" * 2_000_001}"]'
    began = time.process_time()
    for data in (f'["s",{collide}]', f'["d",{pairs}]', fraction):
        load_json(data.encode(), len)
    assert time.process_time() - began < 1.5


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"[]", b"{}", b'["d",1]', b'["d",[1,2,3]]', b'["i",5]', b'["i","x"]', b"[" * 100_000]
)
def test_json_of_any_other_form_is_refused(data):
    with pytest.raises(ValueError):  # of json, of unicode or of this file
        load_json(data, len)
