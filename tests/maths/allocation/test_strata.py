from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.maths.allocation.strata import SOLVED, UNSCORED, UNSOLVED, sample_strata, stratum

STRATA = {f"p{n:02d}": UNSOLVED if n < 20 else SOLVED if n < 30 else "1/4 to 1/2" for n in range(40)}


def test_a_quarter_of_the_unsolved_and_a_tenth_of_every_other_stratum() -> None:
    drawn = sample_strata(STRATA, {UNSOLVED: 0.25}, 0.1, 7)
    assert Counter(STRATA[id_] for id_ in drawn) == {UNSOLVED: 5, SOLVED: 1, "1/4 to 1/2": 1}
    assert list(drawn) == sorted(drawn)


def test_a_share_of_zero_draws_none_of_one_draws_all_and_any_other_at_least_one() -> None:
    assert sample_strata(STRATA, {}, 0.0) == ()
    assert sample_strata(STRATA, {}, 1.0) == tuple(sorted(STRATA))
    assert len(sample_strata(STRATA, {}, 0.001)) == 3
    assert sample_strata(STRATA, {UNSOLVED: 0.0}, 1.0) == tuple(
        sorted(id_ for id_, name in STRATA.items() if name != UNSOLVED)
    )
    assert sample_strata({}, {}, 1.0) == ()


def test_a_tenth_of_thirty_is_three_though_the_product_is_a_little_more() -> None:
    assert len(sample_strata(dict.fromkeys(map(str, range(30)), "a"), {}, 0.1)) == 3


@given(st.permutations(list(STRATA)), st.floats(0, 1))
def test_the_draw_depends_on_the_seed_alone_and_not_on_order_or_other_strata(order: list[str], share: float) -> None:
    drawn = sample_strata({id_: STRATA[id_] for id_ in order}, {}, share, "x")
    assert drawn == sample_strata(STRATA, {}, share, "x")
    alone = {id_: name for id_, name in STRATA.items() if name == UNSOLVED}
    assert sample_strata(alone, {}, share, "x") == tuple(id_ for id_ in drawn if STRATA[id_] == UNSOLVED)


def test_another_seed_draws_others() -> None:
    assert sample_strata(STRATA, {}, 0.3, 1) != sample_strata(STRATA, {}, 0.3, 2)


@pytest.mark.parametrize(
    ("counts", "name"),
    [
        ((0, 1, 0.25), UNSOLVED),
        ((1, 0, 0.75), SOLVED),
        ((0, 0, 0.5), UNSCORED),
        ((1, 7, 0.24), "below 1/4"),
        ((7, 1, 0.76), "above 3/4"),
    ],
)
def test_a_stratum_is_named_by_counts_first_and_by_the_rate_between(counts: tuple[int, int, float], name: str) -> None:
    assert stratum(*counts) == name
