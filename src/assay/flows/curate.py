"""`curate run --flow` and deployments of the flow `curate`: the walk as a Prefect flow.

A stage is a task; scoring is many, a shard each. What passes between them is names and paths; rows stay in the lake.
"""

from functools import cache
from typing import Any

from assay.core.errors import Stopped
from assay.flows import artifacts, ending, shards
from assay.flows.library import as_flow, as_task
from assay.flows.turns import in_turn
from assay.flows.work import Call, Run, at_work, present
from assay.pipelines.job import Outcome
from assay.pipelines.nothing import shortfall
from assay.pipelines.walk import STAGES, step


def __getattr__(name: str) -> Any:  # Prefect is loaded when the flow is asked for, not when this module is
    if name != "curate":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _flow()


@cache
def _flow() -> Any:
    return as_flow(_curate, "curate")


def _curate(plan: str, lake: str | None = None, overrides: list[str] = []) -> Any:  # noqa: B006  # Prefect shows the default, nobody changes it
    """Ingest, clean, split, score, embed, select and arrange, doing only what the lake does not hold.

    Args:
        plan: Path of the plan, a TOML file.
        lake: The lake's folder or s3:// address, in place of the plan's.
        overrides: Keys of the plan to change, as "select.budget=50".
    """
    call = Call(plan, lake, tuple(overrides))
    return in_turn(call, lambda: _walk(call))


def _walk(call: Call) -> Any:
    with at_work(call, "curate run") as run:
        for name in STAGES:
            run.outcomes[name] = shards.score(run) if name == "score" else stage(run, name)
            if run.job.stop():
                raise Stopped("asked to stop; the stages so far are in the lake")
        run.told = [run.outcomes[name] for name in STAGES]
        run.lacks = shortfall(run.job, run.told)
        artifacts.show(run.job)
        return ending.of(run)


def stage(run: Run, name: str) -> Outcome:
    """One stage as one task in the flow's own process."""
    as_task(_walked, name, run.job.plan.flow)(name)
    return run.outcomes[name]


def _walked(name: str) -> str:
    run = present()
    run.outcomes[name] = step(run.job, name)
    return run.outcomes[name].key  # the stage's name in the lake
