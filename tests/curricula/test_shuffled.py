import numpy as np
import pytest

from assay.core.errors import ConfigError
from assay.core.parts import build_part
from assay.curricula.shuffled import Shuffled


def test_each_pass_holds_every_problem_once_in_an_order_of_its_own(pool_of, rng):
    curriculum = Shuffled(epochs=2).arrange(pool_of([0.5] * 9), rng)
    first, second = curriculum.phases
    assert sorted(first.ids) == sorted(second.ids) == [f"p{row}" for row in range(9)]
    assert first.ids != second.ids
    assert len(curriculum.order) == 18


def test_every_order_of_three_comes_up(pool_of):
    orders = {Shuffled().arrange(pool_of([0.1, 0.2, 0.3]), np.random.default_rng(seed)).order for seed in range(100)}
    assert len(orders) == 6


def test_nothing_selected_is_no_phase(pool_of, rng):
    assert Shuffled().arrange(pool_of([]), rng).phases == ()


def test_no_pass_is_refused():
    with pytest.raises(ConfigError, match="epochs"):
        build_part("curriculum", "shuffled", {"epochs": 0})
