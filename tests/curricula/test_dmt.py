import numpy as np
import pytest

from assay.curricula.dmt import Dmt


def phases(pool_of, rehearsal, special=("math",)):
    pool = pool_of([0.5] * 40, source=["math"] * 20 + ["chat"] * 20)
    return Dmt(special=special, rehearsal=rehearsal).arrange(pool, np.random.default_rng(0)).phases


def test_special_problems_come_first_and_a_few_of_them_again(pool_of):
    first, second = phases(pool_of, 0.1)
    assert set(first.ids) == {f"p{row:02}" for row in range(20)}
    assert len(second.ids) == 22
    assert len(set(second.ids) & set(first.ids)) == 2


def test_a_smaller_rehearsal_is_part_of_a_larger_one(pool_of):
    again = [
        set(phases(pool_of, share)[1].ids) & {f"p{row:02}" for row in range(20)} for share in (0.0, 1 / 256, 0.5, 1.0)
    ]
    assert [len(ids) for ids in again] == [0, 1, 10, 20]
    assert again[1] < again[2] < again[3]


def test_without_special_values_it_is_one_phase_and_an_unknown_one_is_an_error(pool_of):
    assert len(phases(pool_of, 0.1, special=())) == 1
    with pytest.raises(LookupError, match="'code'"):
        phases(pool_of, 0.1, special=("code",))
