"""Run the flow `curate` on a schedule, for `curate schedule serve` and `curate schedule deploy`.

The scheduler is Prefect's; what runs is `curate run` and no more.
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.core.errors import ConfigError, suggest_names
from assay.flows.prefect_adapter import import_untracked
from assay.flows.run_watch import RunWatch

TAGS = ["assay"]
# processes of one `curate schedule serve`: one at work, one that waits, two for runs by hand and refused ones
AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class ScheduleTimes:
    """A cron line in a time zone, or seconds between two starts.

    Raises:
        ConfigError: both, neither, or an interval that is not positive.
    """

    cron: str = ""
    interval_s: float | None = None
    timezone: str = ""  # of cron, an IANA name; "" = UTC

    def __post_init__(self) -> None:
        if bool(self.cron) == (self.interval_s is not None):
            flags = "both --cron and --interval are" if self.cron else "neither --cron nor --interval is"
            raise ConfigError(f"{flags} given: --cron '0 2 * * *' is every night at 2, --interval 3600 every hour")
        if self.interval_s is not None and not 0 < self.interval_s < float("inf"):
            raise ConfigError(f"--interval {self.interval_s}: must be a number of seconds above 0")
        if self.timezone and not self.cron:
            raise ConfigError(f"--timezone {self.timezone!r} only applies to --cron, not to --interval")

    def schedule(self) -> tuple[Any, str]:
        """Return Prefect's schedule, and its next time in words.

        Raises:
            ConfigError: a cron line or a time zone that is none, or a line that never comes due, such as February 30.
        """
        schedules = import_untracked("prefect.schedules")
        if self.interval_s is not None:
            return schedules.Interval(self.interval_s), f"every {self.interval_s:g} s"
        from prefect.server.schemas.schedules import CronSchedule

        try:
            dates = asyncio.run(CronSchedule(cron=self.cron, timezone=self.timezone or "UTC").get_dates(n=1))
        except (ValueError, KeyError) as error:  # pydantic's and croniter's; zoneinfo's is a KeyError
            raise ConfigError(
                f"--cron {self.cron!r} --timezone {self.timezone or 'UTC'!r}: {_reason(error)}"
            ) from error
        if not dates:
            raise ConfigError(f"--cron {self.cron!r} never comes due")
        return schedules.Cron(self.cron, timezone=self.timezone or "UTC"), f"next at {dates[0]:%Y-%m-%d %H:%M:%S %Z}"


@dataclass(frozen=True, slots=True)
class DeploymentSpec:
    """What a deployment runs, and when. Config, lake and overrides are parameters, which the UI can change."""

    name: str
    config: Path
    lake: str  # "" = the config's
    overrides: tuple[str, ...]
    when: ScheduleTimes

    @property
    def parameters(self) -> dict[str, Any]:
        lake = self.lake if not self.lake or self.lake.startswith("s3://") else str(Path(self.lake).absolute())
        return {"config": str(self.config.absolute()), "lake": lake or None, "overrides": list(self.overrides)}


def serve(spec: DeploymentSpec, say: Callable[[str], None], warn: Callable[[str], None]) -> None:
    """Run what comes due, in processes of this machine, until SIGINT or SIGTERM; then pause the schedule.

    Args:
        spec: what runs, and when.
        say: is told of the schedule, and of each run's start and end.
        warn: is told where the server no longer answers.

    Raises:
        ConfigError: a bad schedule or name, a missing extra, no server that answers.
    """
    deployment, next_time = _deployment(spec)
    with _client():
        pass  # it answers
    runner = import_untracked("prefect.runner").Runner(pause_on_shutdown=True, limit=AT_ONCE)
    watch = RunWatch(runner.add_deployment(deployment), say, warn)
    say(
        f"serving {deployment.full_name}, {next_time}; `prefect deployment run {deployment.full_name!r}` starts a run "
        "now, Ctrl-C ends serving"
    )
    with watch.watching(), suppress(KeyboardInterrupt, asyncio.CancelledError):
        asyncio.run(_run_until_stopped(runner))
    say(f"no longer serving {deployment.full_name}; its schedule is paused")


async def _run_until_stopped(runner: Any) -> None:
    """Run Prefect's runner of served deployments, which a SIGTERM ends as Ctrl-C does.

    Its own handler calls a coroutine that nothing awaits (Prefect 3.8).
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    runner.handle_sigterm = lambda *_: loop.call_soon_threadsafe(task.cancel)
    await runner.start()


def deploy(spec: DeploymentSpec, pool: str, say: Callable[[str], None]) -> None:
    """Register the deployment with the server; a worker of the work pool runs it in this folder.

    Raises:
        ConfigError: as `serve`; an unknown work pool, or one that is not of type process.
    """
    deployment, next_time = _deployment(spec, job_variables={"working_dir": os.getcwd()})
    with _client() as client:
        pools = {work_pool.name: work_pool.type for work_pool in client.read_work_pools(limit=200)}
    if pool not in pools:
        raise ConfigError(
            f"no work pool {pool!r}; {suggest_names(pool, pools)}; `prefect work-pool create {pool} --type process` "
            "creates it"
        )
    if pools[pool] != "process":
        raise ConfigError(
            f"work pool {pool!r} is of type {pools[pool]!r}; `curate schedule deploy` builds for type 'process' "
            "(docs/flows.md on the others)"
        )
    deployment.apply(work_pool_name=pool)
    say(
        f"deployed {deployment.full_name}, {next_time}; `prefect worker start --pool {pool}` on the machine that shall "
        "run it"
    )


def _deployment(spec: DeploymentSpec, **further: Any) -> tuple[Any, str]:
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "INFO")  # the runs' log lines are what the UI shows
    import_untracked()
    schedule, next_time = spec.when.schedule()
    from assay.flows.curate import curate

    modules = import_untracked("prefect.flows").EntrypointType.MODULE_PATH
    try:
        deployment = curate.to_deployment(
            name=spec.name,
            schedule=schedule,
            parameters=spec.parameters,
            tags=TAGS,
            entrypoint_type=modules,
            paused=False,
            **further,
        )
    except ValueError as error:
        raise ConfigError(f"deployment {spec.name!r}: {_reason(error)}") from error
    return deployment, next_time


def _client() -> Any:
    """Return a client of the server that PREFECT_API_URL or the Prefect profile names, which has just answered."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

    url = PREFECT_API_URL.value()
    if not url:
        raise ConfigError(
            "a schedule needs a server: `prefect server start`, then PREFECT_API_URL=http://127.0.0.1:4200/api "
            "(docs/flows.md)"
        )
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}), get_client(sync_client=True) as client:
        error = client.api_healthcheck()
    if error is not None:
        raise ConfigError(
            f"no Prefect server answers at {url} ({_reason(error)}): `prefect server start`, or another PREFECT_API_URL"
        )
    return get_client(sync_client=True)


def _reason(error: Exception) -> str:
    """Return the first sentence of an error; pydantic puts a heading before it."""
    errors = getattr(error, "errors", None)
    return (
        str(errors()[0]["msg"]).removeprefix("Value error, ")
        if callable(errors)
        else (str(error).splitlines() or [type(error).__name__])[0]
    )
