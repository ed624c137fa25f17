import math

import pytest

from assay.verifiers.code.value_equality import equals_expected

SAME = [
    (1, 1), (1, 1.0), (1.0, 1), (10**30, 10**30), (True, True), (None, None), ("a", "a"), (math.nan, math.nan), (0.0, -0.0),
    ([], []), ((1, (2,)), [1, [2]]),
    ({"a": (1,)}, {"a": [1]}), ({1: 2}, {"1": 2}), ({True: 1, None: 2}, {"true": 1, "null": 2}),
]  # fmt: skip
DIFFERENT = [
    (True, 1), (1, True), (False, 0), (0, None), ("1", 1), (1, "1"), (0.1 + 0.2, 0.3), (math.nan, 1.0), ({1, 2}, [1, 2]), (b"a", "a"),
    (1 + 0j, 1),
    ([1], [1, 2]), ([True], [1]), ("ab", ["a", "b"]), (range(2), [0, 1]), ({1: 2, "1": 2}, {"1": 2}), ({}, []), ([], {}),
    ({"a": 1}, {"b": 1}), pytest.param(object(), None, id="an object beside nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "expected"), SAME, ids=repr)
def test_these_are_the_same(value, expected):
    assert equals_expected(value, expected)


@pytest.mark.parametrize(("value", "expected"), DIFFERENT, ids=repr)
def test_these_are_not(value, expected):
    assert not equals_expected(value, expected)
