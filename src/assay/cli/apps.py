"""Define the three typer apps from the commands, one file per command."""

import inspect
from typing import Any

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
    upkeep,
)
from assay.cli.train import evaluate as train_eval
from assay.cli.train import loop as train_loop
from assay.cli.train import offline as train_offline
from assay.cli.train import run as train_run
from assay.pipelines.stages import stage_sentence

SETTINGS: dict[str, Any] = {"no_args_is_help": True, "add_completion": False, "pretty_exceptions_enable": False}

curate_app = typer.Typer(
    help="From a pool of problems to a curriculum: clean, attempt, measure, select, arrange.", **SETTINGS
)
TRAIN_HELP = "GRPO on a curriculum in its order, SFT and DPO on stored answers; the rollouts flow back into the lake."
train_app = typer.Typer(help=TRAIN_HELP, **SETTINGS)
assay_app = typer.Typer(help="Which training problems are worth your GPU hours.", **SETTINGS)

for name, command in stages.build_commands().items():
    curate_app.command(name, help=command.__doc__)(command)
run.run.__doc__ = f"{stage_sentence()}, doing only what the lake does not hold."
curate_app.command("run")(run.run)
curate_app.command("serve")(serve.serve)
curate_app.command("deploy")(serve.deploy)
curate_app.command("init")(init.init)
curate_app.command("check")(check.check)
curate_app.command("compare")(compare.compare)
curate_app.command("forecast")(forecast.forecast)
curate_app.command("recheck")(recheck.recheck)
curate_app.command("lengths")(lengths.lengths)
curate_app.command("passes")(passes.passes)
curate_app.command("status")(status.status)
curate_app.command("sql")(sql.sql)
curate_app.add_typer(engine.app, name="engine")
curate_app.command("regrade")(regrade.regrade)
curate_app.command("extend")(extend.extend)
curate_app.command("grade")(grade.grade)
curate_app.command("report")(report.report)
curate_app.command("refresh")(refresh.refresh)
curate_app.command("audit")(audit.audit)
curate_app.command("explain")(explain.explain)
curate_app.command("export")(export.export)
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


@train_app.callback(help=TRAIN_HELP)
def _train() -> None:
    """Give `train` its help."""


def _unwrap_help(app: typer.Typer) -> None:
    """Join the lines of each paragraph of the commands' docstrings, which typer would print as they are broken."""
    for command in app.registered_commands:
        text = inspect.cleandoc(command.help or command.callback.__doc__ or "")
        command.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
    for group in app.registered_groups:
        if group.typer_instance is not None:
            _unwrap_help(group.typer_instance)


_unwrap_help(assay_app)
