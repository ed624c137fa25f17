"""The flow `curate`: the stages as a Prefect flow, for `curate run --flow` and for deployments.

A stage is a task; scoring, and encoding by a model, is one task per shard. Only names and paths pass between them; rows stay in the lake.
"""

from typing import Any

from assay.core.errors import Stopped
from assay.flows import artifacts, run_states, shards
from assay.flows.entrypoints import define_flow
from assay.flows.prefect_adapter import as_task
from assay.flows.run_context import FlowCall, FlowRun, current_run, open_flow_run
from assay.pipelines.analysis.empty_result import describe_shortfall
from assay.pipelines.runner.stages import run_next_stage
from assay.pipelines.stages import stage_names, stage_sentence


def _run_stages(call: FlowCall) -> Any:
    with open_flow_run(call, "curate run") as run:
        for name in stage_names():
            if name == "embed":
                shards.encode(run)
            shards.score(run) if name == "score" else submit_stage(run, name)
            if run.context.stop():
                raise Stopped("stopped on request; the stages finished so far are in the lake")
        run.told = run.results
        run.lacks = describe_shortfall(run.context, run.results)
        artifacts.make_artifacts(run.context, run.results)
        return run_states.final_state(run)


__getattr__ = define_flow(
    __name__,
    "curate",
    _run_stages,
    f"{stage_sentence()}, doing only what the lake does not hold.",
    override="select.budget=50",
)


def submit_stage(run: FlowRun, name: str) -> None:
    """Run one stage as one task in the flow's own process."""
    as_task(_run_stage, name, run.context.config.flow)(name)


def _run_stage(name: str) -> str:
    run = current_run()
    result = run_next_stage(run.context, name, run.results)
    run.results = run.results.plus(result)
    return str(result.key)  # the result's name in the lake
