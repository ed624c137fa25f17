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
from assay.pipelines.context.results import StageResult
from assay.pipelines.runner.stages import STAGES, run_next_stage


def _walk(call: FlowCall) -> Any:
    with at_work(call, "curate run") as run:
        for name in STAGES:
            run.outcomes[name] = shards.score(run) if name == "score" else stage(run, name)
            if run.context.stop():
                raise Stopped("asked to stop; the stages so far are in the lake")
        run.told = [run.outcomes[name] for name in STAGES]
        run.lacks = shortfall(run.context, run.told)
        artifacts.show(run.context)
        return run_states.of(run)


__getattr__ = define_flow(
    __name__,
    "curate",
    _walk,
    "Ingest, clean, split, score, embed, select and arrange, doing only what the lake does not hold.",
    override="select.budget=50",
)


def stage(run: FlowRun, name: str) -> StageResult:
    """One stage as one task in the flow's own process."""
    as_task(_walked, name, run.context.config.flow)(name)
    return run.outcomes[name]


def _walked(name: str) -> str:
    run = present()
    run.outcomes[name] = run_next_stage(run.context, name)
    return str(run.outcomes[name].key)  # the stage's name in the lake
