"""Selectors side by side on one pool."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from assay.core.config import SelectConfig
from assay.core.errors import ConfigError
from assay.pipelines.analysis.compare_selectors import compare_selectors, jaccard, read_selector
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages

MakeContext = Callable[..., RunContext]


def test_the_plan_comes_first_and_the_two_baselines_always_stand_beside_it(
    walked: MakeContext, context: MakeContext
) -> None:
    walked()
    comparison = compare_selectors(context(), ["frontier cluster_quota=none budget=5", "k_center"])
    names = [row["selection"] for row in comparison["selections"]]
    assert names == ["plan", "frontier cluster_quota=none budget=5", "k_center", "uniform", "informative"]
    by_name: dict[str, Any] = {row["selection"]: row for row in comparison["selections"]}
    assert [by_name[name]["kept"] for name in names[:4]] == [10, 5, 10, 10]
    assert by_name["plan"]["overlap"]["plan"] == 1
    assert by_name["plan"]["overlap"]["uniform"] == by_name["uniform"]["overlap"]["plan"]
    assert by_name["k_center"]["radius"] <= by_name["frontier cluster_quota=none budget=5"]["radius"]
    for row in comparison["selections"]:
        assert sum(row["histogram"].values()) == row["kept"]
        assert row["kept"] + sum(row["dropped"].values()) == comparison["pool"] == 32
        assert set(row["signal"]) == {"0", "1", "2"}


def test_it_writes_nothing_and_keeps_what_the_plan_s_own_stage_keeps(walked: MakeContext, context: MakeContext) -> None:
    run_context = walked()
    before = run_context.lake.files()
    comparison = compare_selectors(context())
    assert run_context.lake.files() == before
    stored = run_context.lake.rows("SELECT count(*) FILTER (kept) AS n FROM selections")[0]["n"]
    assert comparison["selections"][0]["kept"] == stored


def test_an_empty_selection_has_no_radius_and_no_signal(walked: MakeContext, context: MakeContext) -> None:
    walked()
    row = compare_selectors(context(), ["uniform budget=0"])["selections"][1]
    assert (row["kept"], row["radius"], row["signal"]["0"], row["tokens"]) == (0, None, None, 0)


def test_what_is_wrong_is_named(context: MakeContext) -> None:
    with pytest.raises(ConfigError, match="compare needs ingest"):
        compare_selectors(context())
    run_stages(context())
    with pytest.raises(ConfigError, match="unknown selector 'fronteir'; nearest: 'frontier'"):
        compare_selectors(context(), ["fronteir"])
    with pytest.raises(ConfigError, match="has no setting 'expected_improvment'; nearest: 'expected_improvement'"):
        compare_selectors(context(), ["frontier expected_improvment=1"])
    with pytest.raises(ConfigError, match="'drift' is not of the form key=value"):
        compare_selectors(context(), ["frontier drift"])


def test_settings_are_read_as_in_a_plan() -> None:
    run_context = read_selector("dart rule=uniform most=7 seed=3", SelectConfig(budget=9))
    assert (run_context.selector, run_context.budget, run_context.seed, run_context.settings) == (
        "dart",
        9,
        3,
        {"rule": "uniform", "most": 7},
    )


def test_overlap_is_shared_over_all() -> None:
    assert jaccard(np.array([1, 2, 3]), np.array([3, 4])) == 1 / 4
    assert jaccard(np.array([]), np.array([])) == 1
