"""`curate run --flow`: the walk as a Prefect flow, one task a stage. What passes between tasks is names; rows stay in the lake."""

import os

from assay.core.errors import require
from assay.pipelines.job import Job, Outcome
from assay.pipelines.walk import STAGES, walk

QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",  # it takes 12 to 30 s on two cores, and its default limit is 20
    "PREFECT_LOGGING_LEVEL": "WARNING",
}


def walk_as_flow(job: Job) -> list[Outcome]:
    """Every stage up to arrange, as one flow run on the server that PREFECT_API_URL names, or on an ephemeral one.

    Raises:
        PlanError: the extra `flows` is not installed.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    prefect = require("prefect", extra="flows")
    outcomes: dict[str, Outcome] = {}

    def stage(name: str) -> str:
        outcomes[name] = walk(job, name, only=True)[-1]
        return outcomes[name].key

    def curate(plan: str) -> str:
        keys = [prefect.task(stage, name=name, task_run_name=name)(name) for name in STAGES]
        return str(keys[-1])

    job.narrator.say("starting the flow; without PREFECT_API_URL an ephemeral server comes up first, which takes up to half a minute")
    prefect.flow(curate, name="curate", flow_run_name=f"{job.plan.name}-{job.run}", persist_result=False)(job.plan.name)
    return [outcomes[name] for name in STAGES]
