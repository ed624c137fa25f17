"""Where a config stands: no stage is run, and what the lake holds is told."""

from collections.abc import Callable

from assay.pipelines.analysis.report import collect_values, difficulty_chart
from assay.pipelines.analysis.summary import BINS
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages

MakeContext = Callable[..., RunContext]


def test_a_finished_config_tells_its_counts(walked: MakeContext, context: MakeContext) -> None:
    walked()
    run_context = context()
    values = collect_values(run_context)
    assert [(row["stage"], row["state"], row["out"]) for row in values["stages"]][3:] == [
        ("score", "done", 32),
        ("embed", "done", 32),
        ("select", "done", 10),
        ("order", "done", 10),
    ]
    ingest, clean = values["stages"][:2]
    assert (ingest["in"], ingest["out"], clean["in"]) == (40, 40, 40)
    assert (sum(values["histogram"]["problems"]), sum(values["histogram"]["kept"])) == (32, 10)
    assert values["verifiers"][0]["verifier"] == "math"
    rollouts = next(row for row in values["tables"] if row["table"] == "rollouts")
    assert (rollouts["made_by"], rollouts["rows"]) == ("score", 128)
    assert run_context.meter.samples == 0


def test_a_plan_of_which_half_is_done_says_what_is_next_and_does_nothing(context: MakeContext) -> None:
    run_stages(context(), "split")
    run_context = context()
    values = collect_values(run_context)
    states = {row["stage"]: row["state"] for row in values["stages"]}
    assert states["split"] == "done"
    assert states["score"].startswith("next: ")
    assert states["embed"] == "later"
    assert values["histogram"] == {}
    assert run_context.lake.rows("SELECT count(*) AS n FROM rollouts") == [{"n": 0}]


def test_the_difficulty_chart_holds_one_bar_a_bin_that_is_not_empty(walked: MakeContext, context: MakeContext) -> None:
    walked()
    values = collect_values(context())
    filled = sum(n > 0 for n in values["histogram"]["kept"]) + sum(
        of > n for of, n in zip(values["histogram"]["problems"], values["histogram"]["kept"], strict=True)
    )
    assert difficulty_chart(values).count("<title>") == filled
    assert len(values["histogram"]["kept"]) == len(BINS)
