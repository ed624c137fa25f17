"""Fresh attempts at a selection, on a policy whose luck is scripted."""

from collections.abc import Callable

import pytest

from assay.core.errors import ConfigError
from assay.pipelines.analysis.selection_bias import plan_of, recheck
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages

Made = Callable[..., RunContext]


def test_it_attempts_a_group_more_for_each_and_pays_for_none_twice(walked: Made, context: Made) -> None:
    walked()
    told = recheck(context(), kept=6, dropped=4)
    assert (told["kept"]["problems"], told["dropped"]["problems"]) == (6, 4)
    assert told["samples"] == 10 * 8
    again = recheck(context(), kept=6, dropped=4)
    assert again["samples"] == 0
    assert {**again, "tokens": 0, "samples": 0} == {**told, "tokens": 0, "samples": 0}


def test_the_selection_s_own_scores_and_its_ledger_stay_as_they_were(walked: Made, context: Made) -> None:
    walked()
    recheck(context(), kept=3, dropped=3)
    assert all(each.reused for each in run_stages(context()))


def test_a_policy_that_never_answers_alike_is_seen_in_the_difference(walked: Made, context: Made) -> None:
    """`sum` is right or wrong by the problem: 4 of 4 or 0 of 4 leaves doubt that no fresh group bears out."""
    walked()
    told = recheck(context(), kept=99, dropped=99)
    assert told["kept"]["problems"] == 10
    assert told["kept"]["difference"] == pytest.approx(told["kept"]["predicted"] - told["kept"]["observed"])
    assert told["kept"]["low"] <= told["kept"]["difference"] <= told["kept"]["high"]


def test_a_selection_that_was_not_made_is_named(context: Made) -> None:
    run_stages(context(), "embed")
    with pytest.raises(ConfigError, match="recheck needs select"):
        recheck(context())


def test_an_empty_selection_has_no_curse(context: Made) -> None:
    run_stages(context(select={"budget": 0}))
    told = recheck(context(select={"budget": 0}), dropped=2)
    assert told["kept"]["difference"] is None
    assert told["dropped"]["problems"] == 2


def test_a_selection_s_key_or_its_beginning_stands_for_the_plan_that_made_it(context: Made) -> None:
    made = {}
    for budget in (4, 6):
        one = context(select={"budget": budget})
        one.log_run("start")
        made[run_stages(one).rows_of("select")] = one
    for key, one in made.items():
        assert plan_of(one.lake, key) == plan_of(one.lake, key[:16]) == one.config
    lake = next(iter(made.values())).lake
    with pytest.raises(ConfigError, match="0 selections in"):
        plan_of(lake, "zz")
    with pytest.raises(ConfigError, match="2 selections"):
        plan_of(lake, "")
