"""Fresh attempts at a selection, on a policy whose luck is scripted."""

from collections.abc import Callable

import pytest

from assay.core.errors import ConfigError
from assay.pipelines.analysis.selection_bias import measure_selection_bias, plan_of
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages

MakeContext = Callable[..., RunContext]


def test_it_attempts_a_group_more_for_each_and_pays_for_none_twice(walked: MakeContext, context: MakeContext) -> None:
    walked()
    bias = measure_selection_bias(context(), kept=6, dropped=4)
    assert (bias["kept"]["problems"], bias["dropped"]["problems"]) == (6, 4)
    assert bias["samples"] == 10 * 8
    again = measure_selection_bias(context(), kept=6, dropped=4)
    assert again["samples"] == 0
    assert {**again, "tokens": 0, "samples": 0} == {**bias, "tokens": 0, "samples": 0}


def test_the_selection_s_own_scores_and_its_ledger_stay_as_they_were(walked: MakeContext, context: MakeContext) -> None:
    walked()
    measure_selection_bias(context(), kept=3, dropped=3)
    assert all(result.reused for result in run_stages(context()))


def test_a_policy_that_never_answers_alike_is_seen_in_the_difference(walked: MakeContext, context: MakeContext) -> None:
    """`sum` is right or wrong by the problem: 4 of 4 or 0 of 4 leaves doubt that no fresh group bears out."""
    walked()
    bias = measure_selection_bias(context(), kept=99, dropped=99)
    assert bias["kept"]["problems"] == 10
    assert bias["kept"]["difference"] == pytest.approx(bias["kept"]["predicted"] - bias["kept"]["observed"])
    assert bias["kept"]["low"] <= bias["kept"]["difference"] <= bias["kept"]["high"]


def test_a_selection_that_was_not_made_is_named(context: MakeContext) -> None:
    run_stages(context(), "embed")
    with pytest.raises(ConfigError, match="recheck needs select"):
        measure_selection_bias(context())


def test_an_empty_selection_has_no_curse(context: MakeContext) -> None:
    run_stages(context(select={"budget": 0}))
    bias = measure_selection_bias(context(select={"budget": 0}), dropped=2)
    assert bias["kept"]["difference"] is None
    assert bias["dropped"]["problems"] == 2


def test_a_selection_s_key_or_its_beginning_stands_for_the_plan_that_made_it(context: MakeContext) -> None:
    contexts = {}
    for budget in (4, 6):
        run_context = context(select={"budget": budget})
        run_context.log_run("start")
        contexts[run_stages(run_context).rows_of("select")] = run_context
    for key, run_context in contexts.items():
        assert plan_of(run_context.lake, key) == plan_of(run_context.lake, key[:16]) == run_context.config
    lake = next(iter(contexts.values())).lake
    with pytest.raises(ConfigError, match="0 selections in"):
        plan_of(lake, "zz")
    with pytest.raises(ConfigError, match="2 selections"):
        plan_of(lake, "")
