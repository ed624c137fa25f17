"""Define the three typer apps from the commands, one file per command."""

import inspect
from typing import Annotated, Any

import typer

from assay.cli import doctor
from assay.cli.curate import (
    audit,
    check,
    clusters,
    compare,
    engine,
    explain,
    export,
    extend,
    forecast,
    grade,
    importing,
    init,
    lengths,
    passes,
    recheck,
    refresh,
    regrade,
    report,
    run,
    serve,
    sql,
    stages,
    status,
    synthesize,
    upkeep,
    view,
)
from assay.cli.train import evaluate as train_eval
from assay.cli.train import loop as train_loop
from assay.cli.train import offline as train_offline
from assay.cli.train import run as train_run
from assay.pipelines.stages import stage_names, stage_sentence

SETTINGS: dict[str, Any] = {
    "no_args_is_help": True,
    "pretty_exceptions_enable": False,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}

CURATE = "From a pool of problems to a curriculum: clean, attempt, measure, select, arrange."
TRAIN = "GRPO on a curriculum in its order, SFT and DPO on stored answers; the rollouts flow back into the lake."
ASSAY = "Which training problems are worth your GPU hours."

curate_app, train_app, assay_app = (typer.Typer(help=text, **SETTINGS) for text in (CURATE, TRAIN, ASSAY))

for name, command in stages.build_commands().items():
    curate_app.command(name, help=command.__doc__)(command)
run.run.__doc__ = f"{stage_sentence()}, doing only what the lake does not hold."
curate_app.command("run")(run.run)
curate_app.command("serve")(serve.serve)
curate_app.command("deploy")(serve.deploy)
curate_app.command("init")(init.init)
curate_app.command("check")(check.check)
curate_app.add_typer(compare.app, name="compare")
curate_app.command("forecast")(forecast.forecast)
curate_app.command("recheck")(recheck.recheck)
curate_app.command("lengths")(lengths.lengths)
curate_app.command("passes")(passes.passes)
curate_app.command("status")(status.status)
curate_app.command("sql")(sql.sql)
curate_app.command("synthesize")(synthesize.synthesize)
curate_app.add_typer(engine.app, name="engine")
curate_app.command("regrade")(regrade.regrade)
curate_app.command("extend")(extend.extend)
curate_app.command("grade")(grade.grade)
curate_app.command("report")(report.report)
curate_app.command("refresh")(refresh.refresh)
curate_app.command("audit")(audit.audit)
curate_app.command("explain")(explain.explain)
curate_app.command("view")(view.view)
curate_app.add_typer(export.app, name="export")
curate_app.add_typer(importing.app, name="import")
curate_app.command("fsck")(upkeep.fsck)
curate_app.command("compact")(upkeep.compact)
curate_app.command("forget")(upkeep.forget)
curate_app.command("clusters")(clusters.clusters)
train_app.command("run")(train_run.run)
train_app.command("resume")(train_run.resume)
train_app.command("sft")(train_offline.sft)
train_app.command("dpo")(train_offline.dpo)
train_app.command("loop")(train_loop.loop)
train_app.command("eval")(train_eval.evaluate)
train_app.command("compare")(train_eval.compare)
assay_app.add_typer(curate_app, name="curate")
assay_app.add_typer(train_app, name="train")
assay_app.command("doctor")(doctor.doctor)


def _print_version(wanted: bool) -> None:
    """Print the version of this package and end."""
    if wanted:
        from assay.pipelines.context.run import installed_version

        typer.echo(f"assay {installed_version() or 'without an installed version'}")
        raise typer.Exit


def _add_version(app: typer.Typer, text: str) -> None:
    """Give an app the option --version, and the text of its help."""

    def callback(
        version: Annotated[
            bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
        ] = False,
    ) -> None: ...

    app.callback(help=text)(callback)


_add_version(assay_app, ASSAY)
_add_version(curate_app, CURATE)
_add_version(train_app, TRAIN)


PANELS = {
    "Set up": ("init", "check", "grade"),
    "Curate": ("run", *stage_names()),
    "Look": ("view", "status", "report", "explain", "sql", "compare", "forecast", "lengths", "passes", "clusters"),
    "Keep up to date": ("refresh", "regrade", "recheck", "audit", "serve", "deploy"),
    "In and out": ("import", "export", "engine"),
    "The lake": ("fsck", "compact", "forget"),
}


def _group_commands(app: typer.Typer) -> None:
    """Show the commands of an app's help in panels; one that no panel names stands under "Commands"."""
    panels = {name: panel for panel, names in PANELS.items() for name in names}
    for command in app.registered_commands:
        command.rich_help_panel = panels.get(command.name or "", command.rich_help_panel)
    for group in app.registered_groups:
        group.rich_help_panel = panels.get(group.name or "", group.rich_help_panel)


def _unwrap_help(app: typer.Typer) -> None:
    """Join the lines of each paragraph of the commands' docstrings, which typer would print as they are broken."""
    for command in app.registered_commands:
        text = inspect.cleandoc(command.help or command.callback.__doc__ or "")
        command.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
    for group in app.registered_groups:
        if group.typer_instance is not None:
            _unwrap_help(group.typer_instance)


_unwrap_help(assay_app)
_group_commands(curate_app)
