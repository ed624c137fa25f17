import numpy as np
import pytest

from assay.core.errors import ConfigError
from assay.core.parts import build_part
from assay.selectors.composed import Composed, SelectorStep


def test_filter_then_rank_then_draw_and_each_says_whom_it_cut(pool_of, rng):
    pool = pool_of([0, 1, 4, 4, 8], cluster=[0] * 5)
    selection = Composed(
        (SelectorStep("informative"), SelectorStep("hardest", times=2), SelectorStep("uniform"))
    ).select(pool, 1, rng)
    assert selection.dropped["never_solved"] == ("p000",)
    assert selection.dropped["always_solved"] == ("p004",)
    assert selection.dropped["cut_by_hardest"] == ("p003",)
    assert len(selection.dropped["not_chosen"]) == 1


def test_a_step_inside_clusters_gives_each_its_share(pool_of, rng):
    pool = pool_of([4, 4, 4, 4, 1, 2], cluster=[0, 0, 0, 0, 1, 1])
    part = Composed((SelectorStep("frontier", {"cluster_quota": "none"}, within="cluster"),))
    assert part.needs == ("beta_a", "beta_b", "cluster")
    assert part.select(pool, 3, rng).ids == ("p000", "p001", "p005")


def test_a_group_that_gives_less_than_its_share_passes_it_on(pool_of, rng):
    pool = pool_of([4, 4, 4, 0, 0, 4], source=["a", "a", "a", "b", "b", "b"])
    selection = Composed((SelectorStep("informative", within="source"),)).select(pool, 4, rng)
    assert selection.ids == ("p000", "p001", "p002", "p005")


def test_weights_are_multiplied(pool_of, rng):
    pool = pool_of([4, 4, 6, 0])
    twice, once = Composed((SelectorStep("dart"), SelectorStep("dart"))), Composed((SelectorStep("dart"),))
    square = np.array(once.select(pool, 4, rng).weights) ** 2
    assert twice.select(pool, 4, rng).weights == pytest.approx(square.tolist())


def test_a_plan_s_table_builds_it_and_names_what_is_wrong():
    part = build_part(
        "selector", "composed", {"steps": [{"selector": "band", "settings": {"low": 0.3}}, {"selector": "k_center"}]}
    )
    assert part.needs == ("beta_a", "beta_b", "vectors")
    for steps, complaint in (
        ([{"selector": "bandd"}], "nearest: 'band'"),
        ([{"selector": "band", "settings": {"lowe": 1}}], "nearest: 'low'"),
        ([], "at least one selector is needed"),
        ([{"selector": "uniform", "times": 2}], "the last step must have times = 1"),
        ([{"selector": "uniform", "times": 0.5}, {"selector": "uniform"}], "greater than or equal to 1"),
    ):
        with pytest.raises(ConfigError, match=complaint):
            build_part("selector", "composed", {"steps": steps})
