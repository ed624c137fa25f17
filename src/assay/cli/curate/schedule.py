"""`curate schedule serve` and `curate schedule deploy`: run the config on a schedule."""

from typing import Annotated

import typer

from assay.cli.console import ConsoleReporter
from assay.cli.runner import ConfigPath, LakeDir, Sets, load_config, report_errors

Cron = Annotated[
    str,
    typer.Option("--cron", metavar="LINE", help="Cron schedule; '0 2 * * *' = every night at 2.", show_default=False),
]
Interval = Annotated[
    float | None, typer.Option("--interval", metavar="SECONDS", help="Seconds between starts.", show_default=False)
]
Timezone = Annotated[
    str,
    typer.Option(
        "--timezone",
        metavar="ZONE",
        help="Time zone of --cron, such as Europe/Berlin; default: UTC.",
        show_default=False,
    ),
]
Name = Annotated[
    str, typer.Option("--name", help="Name of the deployment; by default the config's name.", show_default=False)
]
Pool = Annotated[str, typer.Option("--pool", help="A work pool of type process.")]


def serve(
    path: ConfigPath,
    lake: LakeDir = "",
    sets: Sets = [],
    cron: Cron = "",
    interval: Interval = None,
    timezone: Timezone = "",
    name: Name = "",
) -> None:
    """Run a config on a schedule, on this machine, until interrupted. Needs a Prefect server and the extra `flows`."""
    reporter = ConsoleReporter()
    with report_errors(reporter):
        from assay.flows.schedules import DeploymentSpec, ScheduleTimes
        from assay.flows.schedules import serve as serve_deployment

        times = ScheduleTimes(cron, interval, timezone)
        spec = DeploymentSpec(name or load_config(path, lake, sets).name, path, lake, tuple(sets), times)
        serve_deployment(spec, reporter.say, reporter.warn)


def deploy(
    path: ConfigPath,
    lake: LakeDir = "",
    sets: Sets = [],
    cron: Cron = "",
    interval: Interval = None,
    timezone: Timezone = "",
    name: Name = "",
    pool: Pool = "assay",
) -> None:
    """Register a config and its schedule with a Prefect server; workers of a process work pool run it."""
    reporter = ConsoleReporter()
    with report_errors(reporter):
        from assay.flows.schedules import DeploymentSpec, ScheduleTimes
        from assay.flows.schedules import deploy as create_deployment

        times = ScheduleTimes(cron, interval, timezone)
        create_deployment(
            DeploymentSpec(name or load_config(path, lake, sets).name, path, lake, tuple(sets), times),
            pool,
            reporter.say,
        )
