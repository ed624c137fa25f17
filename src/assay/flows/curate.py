"""`curate run --flow` and deployments of the flow `curate`: the walk as a Prefect flow.

A stage is a task; scoring is many, a shard each. What passes between them is names and paths; rows stay in the lake.
"""

from typing import Any

from assay.core.errors import Stopped
from assay.flows import artifacts, run_states, shards
from assay.flows.entrypoints import define_flow
from assay.flows.prefect_adapter import as_task
from assay.flows.run_context import FlowCall, FlowRun, at_work, present
from assay.pipelines.analysis.empty_result import shortfall
from assay.pipelines.runner.stages import run_next_stage
from assay.pipelines.stages import stage_names, stage_sentence


def _walk(call: FlowCall) -> Any:
    with at_work(call, "curate run") as run:
        for name in stage_names():
            shards.score(run) if name == "score" else stage(run, name)
            if run.context.stop():
                raise Stopped("asked to stop; the stages so far are in the lake")
        run.told = run.results
        run.lacks = shortfall(run.context, run.results)
        artifacts.show(run.context, run.results)
        return run_states.of(run)


__getattr__ = define_flow(
    __name__,
    "curate",
    _walk,
    f"{stage_sentence()}, doing only what the lake does not hold.",
    override="select.budget=50",
)


def stage(run: FlowRun, name: str) -> None:
    """One stage as one task in the flow's own process."""
    as_task(_run_stage, name, run.context.config.flow)(name)


def _run_stage(name: str) -> str:
    run = present()
    result = run_next_stage(run.context, name, run.results)
    run.results = run.results.plus(result)
    return str(result.key)  # the result's name in the lake
