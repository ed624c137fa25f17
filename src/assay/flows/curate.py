"""`curate run --flow` and deployments of the flow `curate`: the walk as a Prefect flow.

A stage is a task; scoring is many, a shard each. What passes between them is names and paths; rows stay in the lake.
"""

import signal
from functools import cache
from pathlib import Path
from typing import Any

from assay.core.errors import Stopped
from assay.flows import artifacts, ending, server, shards
from assay.flows.library import as_flow, as_task
from assay.flows.turns import in_turn
from assay.flows.work import Call, Logged, Run, at_work, handed, heeding, present
from assay.pipelines.job import Job, Outcome
from assay.pipelines.walk import STAGES, step


def __getattr__(name: str) -> Any:  # Prefect is loaded when the flow is asked for, not when this module is
    if name != "curate":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _flow()


def walk_as_flow(job: Job, call: Call) -> list[Outcome]:
    """Every stage up to arrange, as one flow run on the server that PREFECT_API_URL names, or on an ephemeral one that ends with the process.

    Raises:
        PlanError: an extra is not installed.
        EngineError: Prefect's own server did not come up.
        Stopped: the run was asked to stop, or lost its server.
    """
    server.started(job.narrator)
    with handed(Run(job, call, at_sigterm=signal.getsignal(signal.SIGTERM))) as run, server.losing(run):
        _flow()(**call.parameters, return_state=True)
    return [run.outcomes[name] for name in STAGES]


@cache
def _flow() -> Any:
    return as_flow(_curate, "curate", flow_run_name=_named)


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
    with at_work(call, "curate run") as run, heeding(run):
        voice = run.job.narrator
        run.job.narrator = voice if isinstance(voice, Logged) else Logged(voice, run.job.plan.name)
        try:
            for name in STAGES:
                run.outcomes[name] = shards.score(run) if name == "score" else stage(run, name)
                if run.job.stop():
                    raise Stopped("asked to stop; the stages so far are in the lake")
            artifacts.show(run.job)
        finally:
            run.job.narrator = voice
        return ending.of(run)


def stage(run: Run, name: str) -> Outcome:
    """One stage as one task in the flow's own process."""
    as_task(_walked, name, run.job.plan.flow)(name)
    return run.outcomes[name]


def _walked(name: str) -> str:
    run = present()
    run.outcomes[name] = step(run.job, name)
    return run.outcomes[name].key  # the stage's name in the lake


def _named() -> str:
    """The run's name in the server's lists: the plan's file and the time."""
    from prefect import runtime

    start = runtime.flow_run.get_scheduled_start_time()
    return f"{Path(runtime.flow_run.get_parameters()['plan']).stem} {start:%Y-%m-%d %H:%M:%S}"
