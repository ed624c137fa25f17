"""The stages in their order: rows are conserved, nothing is done or paid for twice, held-out problems stay out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import ConfigError, EngineError, Stopped
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import preflight, run_stages, run_training

Made = Callable[..., RunContext]


def count(context: RunContext, table: str) -> int:
    return int(context.lake.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"])


def test_rows_in_are_rows_out_and_rows_dropped(context: Made) -> None:
    made = context()
    outcomes = {each.stage: each for each in run_stages(made)}
    assert [(each.rows_in, each.rows_out) for each in outcomes.values()] == [
        (40, 40),
        (40, 40),
        (40, 32),
        (32, 32),
        (32, 32),
        (32, 10),
        (10, 10),
    ]
    assert count(made, "rollouts") == count(made, "completions") == count(made, "verdicts") == 32 * 4
    kept = made.lake.rows("SELECT kept, count(*) AS n FROM selections GROUP BY kept ORDER BY kept")
    assert kept == [{"kept": False, "n": 22}, {"kept": True, "n": 10}]


def test_a_second_walk_does_nothing_and_generates_nothing(walked: Made) -> None:
    again = walked()
    assert all(outcome.reused for outcome in run_stages(again))
    assert (again.meter.tokens, again.meter.samples) == (0, 0)
    assert "_served" not in vars(again.engine), "the engine was asked"


@pytest.mark.parametrize(
    "change",
    [
        {"select": {"budget": 5}},
        {"select": {"selector": "uniform"}},
        {"order": {"curriculum": "shuffled"}},
        {"embed": {"clusters": 2}},
    ],
)
def test_a_changed_selection_reuses_every_rollout(walked: Made, context: Made, change: dict[str, Any]) -> None:
    walked()
    again = context(**change)
    outcomes = run_stages(again)
    assert not outcomes[-1].reused
    assert again.meter.samples == 0


def test_more_samples_draw_only_what_is_missing(walked: Made, context: Made) -> None:
    walked()
    more = context(score={"n": 6})
    run_stages(more)
    assert more.meter.samples == 32 * 2
    assert more.lake.rows("SELECT DISTINCT n FROM pass_rates") == [{"n": 6}]


def test_a_changed_temperature_is_another_quantity_and_draws_afresh(walked: Made, context: Made) -> None:
    walked()
    other = context(policy={"temperature": 0.5})
    run_stages(other)
    assert other.meter.samples == 32 * 4


def test_held_out_problems_are_never_attempted_nor_selected_and_stay_the_same(walked: Made, context: Made) -> None:
    first = walked()
    held = {row["problem_id"] for row in first.lake.rows("SELECT problem_id FROM splits WHERE side = 'held_out'")}
    assert len(held) == 8
    for table in ("rollouts", "selections", "scores", "curriculum"):
        assert not held & {row["problem_id"] for row in first.lake.rows(f"SELECT problem_id FROM {table}")}, table
    second = context(clean={"filters": ("empty",)})
    run_stages(second)
    assert held == {
        row["problem_id"] for row in second.lake.rows("SELECT problem_id FROM splits WHERE side = 'held_out'")
    }


def test_a_stage_alone_names_the_stage_that_it_lacks(context: Made) -> None:
    with pytest.raises(ConfigError, match="score needs ingest, which is not done: run `curate ingest CONFIG` first"):
        run_stages(context(), "score", only=True)


def test_stages_one_by_one_leave_what_one_walk_leaves(
    context: Made, kept: Made, common_sums: Path, tables: dict[str, Any]
) -> None:
    one = kept()
    tables["source"][0]["paths"] = str(common_sums)
    for stage in ("ingest", "clean", "split", "score", "embed", "select", "order"):
        other = context()
        run_stages(other, stage, only=True)
    for table in (
        "problems",
        "labels",
        "splits",
        "rollouts",
        "verdicts",
        "scores",
        "clusters",
        "selections",
        "curriculum",
    ):
        query = f'SELECT * EXCLUDE (run) FROM "{table}" ORDER BY id'
        assert one.lake.rows(query) == other.lake.rows(query), table


def test_an_engine_that_fails_halfway_loses_nothing_that_had_arrived(context: Made) -> None:
    broken = context(policy={"fail_after": 10})
    with pytest.raises(EngineError, match="fails after 10 requests"):
        run_stages(broken)
    assert count(broken, "rollouts") == 10 * 4, "two waves of four problems, and the two problems of the third"
    repaired = context()
    run_stages(repaired)
    assert repaired.meter.samples == (32 - 10) * 4
    assert count(repaired, "rollouts") == 32 * 4


def test_a_stop_commits_what_has_arrived(context: Made) -> None:
    stopping = context()
    asked = iter([False] * 7 + [True] * 99)
    stopping.stop = lambda: next(asked)
    with pytest.raises(Stopped):
        run_stages(stopping)
    assert count(stopping, "rollouts") == 7 * 4
    assert count(stopping, "scores") == 0


def test_a_limit_goes_on_with_the_best_selection_so_far(context: Made) -> None:
    limited = context(limit={"tokens": 200})
    outcomes = {each.stage: each for each in run_stages(limited)}
    assert outcomes["score"].partly
    assert 0 < outcomes["score"].rows_out < 32
    assert outcomes["select"].rows_out == 10
    unscored = limited.lake.rows("SELECT count(*) AS n FROM selections WHERE reason = 'unscored'")[0]["n"]
    assert unscored == 32 - outcomes["score"].rows_out
    whole = context()
    assert not any(each.partly for each in run_stages(whole))


def test_a_problem_whose_attempts_told_nothing_is_unscored_and_not_the_most_uncertain(context: Made) -> None:
    cut = context(policy={"max_tokens": 1, "truncated": "ignore"}, score={"n": 4, "stop_early": False})
    outcomes = {each.stage: each for each in run_stages(cut)}
    assert outcomes["select"].rows_out == 0
    assert outcomes["select"].detail["dropped"] == {"unscored": 32}


def test_a_corrected_verifier_judges_stored_rollouts_without_a_token(
    walked: Made, context: Made, tables: dict[str, Any]
) -> None:
    walked()
    tables["source"] = [{**tables["source"][0], "verifier": "numeric"}]
    regraded = context()
    run_stages(regraded)
    assert regraded.meter.samples == 0
    assert regraded.lake.rows("SELECT verifier, count(*) AS n FROM verdicts GROUP BY ALL ORDER BY ALL") == [
        {"verifier": "math", "n": 128},
        {"verifier": "numeric", "n": 128},
    ]


def test_malformed_rows_are_drops_with_their_line(context: Made, tables: dict[str, Any]) -> None:
    path = tables["source"][0]["paths"]
    with open(path, "a") as file:
        file.write('{"prompt": "What is 1 + 1?"\n{"prompt": "What is 2 + 2?", "answer": 4}\n{"answer": "4"}\n')
    made = context()
    outcome = run_stages(made, "ingest")[0]
    assert (outcome.rows_in, outcome.rows_out) == (43, 40)
    assert [row["line"] for row in made.lake.rows("SELECT line FROM drops ORDER BY line")] == [41, 42, 43]


def test_a_generator_that_is_none_is_refused_before_anything_is_written(context: Made) -> None:
    pytest.importorskip("reasoning_gym")
    made = context(source=[{"type": "reasoning_gym", "generator": "chain_sums"}])
    with pytest.raises(ConfigError, match="nearest: 'chain_sum'"):
        preflight(made, "order")


def test_contradictory_answers_leave_with_both_named(context: Made, tables: dict[str, Any]) -> None:
    path = tables["source"][0]["paths"]
    with open(path, "a") as file:
        file.write('{"prompt": "What is 10 + 3?", "answer": "14"}\n')
    made = context()
    run_stages(made, "clean")
    (drop,) = made.lake.rows("SELECT reason, detail FROM drops WHERE stage = 'clean'")
    assert drop["reason"] == "conflicting_labels"
    assert "13" in drop["detail"]
    assert "14" in drop["detail"]


def test_a_changed_file_is_read_again_and_only_its_new_problems_are_attempted(
    context: Made, tables: dict[str, Any]
) -> None:
    run_stages(context())
    with open(tables["source"][0]["paths"], "a") as file:
        file.write('{"prompt": "What is 90 + 1?", "answer": "91"}\n')
    again = context()
    run_stages(again)
    assert again.meter.samples == 4


def test_a_curriculum_that_was_made_for_another_model_is_not_trained_on(walked: Made, context: Made) -> None:
    walked()
    with pytest.raises(ConfigError, match="score, which is not done"):
        run_training(context(policy={"revision": "another"}))
