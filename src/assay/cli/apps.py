"""Define the three typer apps from the commands, one file per command."""

import inspect
from typing import Annotated, Any

import typer

from assay.cli import doctor
from assay.cli.curate import (
    audit,
    autopsy,
    check,
    clusters,
    curricula,
    estimate,
    export,
    extend,
    grade,
    importing,
    init,
    lake,
    lengths,
    pass_at_k,
    policies,
    refresh,
    regrade,
    releases,
    report,
    run,
    schedule,
    schema,
    selection_bias,
    selectors,
    serve_model,
    show,
    sql,
    stages,
    status,
    synthesize,
    upgrade,
    value,
    view,
)
from assay.cli.old_commands import CurateGroup
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

CURATE = "From a pool of problems to a curriculum: clean, score, select, order."
TRAIN = (
    "Train with GRPO on the curriculum, or with SFT, DPO or KTO on stored answers. Rollouts are written to the lake."
)
ASSAY = "Find the training problems that are worth your GPU hours."
ANALYZE = (
    "Analyze what the lake holds: selectors, policies, curricula, selection bias, pass@k, token caps, clusters, "
    "value of choosing."
)
EXAMPLES = (
    "Examples:",
    "curate init rows.jsonl: write a first config for your own problems",
    "curate check CONFIG: read some rows and try prompts and gold answers, without a model",
    "curate estimate CONFIG --pilot 5: what a run would cost",
    "curate run CONFIG --set select.budget=50: run all stages, skipping what is done",
    "curate export CONFIG --to trl --out DIR: the curriculum for another trainer",
)
TRAIN_EXAMPLES = (
    "Examples:",
    "train run CONFIG: GRPO on the curriculum that `curate run CONFIG` made",
    "train resume CONFIG: go on from the last saved state",
    "train eval CONFIG: pass@1 and pass@k on held-out problems, before and after",
    "train dpo CONFIG --method onpolicy_pairs: DPO on what `curate synthesize CONFIG onpolicy_pairs` stored",
)

curate_app = typer.Typer(help=CURATE, cls=CurateGroup, epilog="\n\n".join(EXAMPLES), **SETTINGS)
train_app = typer.Typer(help=TRAIN, epilog="\n\n".join(TRAIN_EXAMPLES), **SETTINGS)
assay_app = typer.Typer(help=ASSAY, **SETTINGS)
analyze_app, lake_app, schedule_app = (
    typer.Typer(help=text, **SETTINGS)
    for text in (
        ANALYZE,
        "Verify, compact and merge lakes, and delete from them.",
        "Run a config every night, or every hour.",
    )
)

for name, command in stages.build_commands().items():
    curate_app.command(name, help=command.__doc__)(command)
run.run.__doc__ = f"{stage_sentence()}, skipping what is already in the lake."
curate_app.command("run")(run.run)
curate_app.command("estimate")(estimate.estimate)
curate_app.command("init")(init.init)
curate_app.command("check")(check.check)
curate_app.command("upgrade")(upgrade.upgrade)
curate_app.command("schema")(schema.schema)
curate_app.command("status")(status.status)
curate_app.command("show")(show.show)
curate_app.command("sql")(sql.sql)
curate_app.command("report")(report.report)
curate_app.command("synthesize")(synthesize.synthesize)
curate_app.command("serve-model")(serve_model.serve_model)
curate_app.command("regrade")(regrade.regrade)
curate_app.command("extend")(extend.extend)
curate_app.command("grade")(grade.grade)
curate_app.command("refresh")(refresh.refresh)
curate_app.command("audit")(audit.audit)
curate_app.command("tag")(releases.tag)
curate_app.command("diff")(releases.diff)
curate_app.command("autopsy")(autopsy.autopsy)
curate_app.command("view")(view.view)
curate_app.add_typer(export.app, name="export")
curate_app.add_typer(importing.app, name="import")
curate_app.add_typer(analyze_app, name="analyze")
curate_app.add_typer(lake_app, name="lake")
curate_app.add_typer(schedule_app, name="schedule")
analyze_app.command("selectors")(selectors.selectors)
analyze_app.command("policies")(policies.policies)
analyze_app.command("curricula")(curricula.curricula)
analyze_app.command("selection-bias")(selection_bias.selection_bias)
analyze_app.command("pass-at-k")(pass_at_k.pass_at_k)
analyze_app.command("lengths")(lengths.lengths)
analyze_app.command("clusters")(clusters.clusters)
analyze_app.command("value")(value.value)
lake_app.command("fsck")(lake.fsck)
lake_app.command("compact")(lake.compact)
lake_app.command("delete")(lake.delete)
lake_app.command("merge")(lake.merge)
schedule_app.command("serve")(schedule.serve)
schedule_app.command("deploy")(schedule.deploy)
train_app.command("run")(train_run.run)
train_app.command("resume")(train_run.resume)
train_app.command("sft")(train_offline.sft)
train_app.command("dpo")(train_offline.dpo)
train_app.command("kto")(train_offline.kto)
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
    "Set up": ("init", "check", "estimate", "upgrade", "schema", "grade"),
    "Curate": ("run", *stage_names(), "synthesize", "extend"),
    "Inspect": ("view", "autopsy", "status", "report", "show", "sql", "analyze"),
    "Maintain": ("refresh", "regrade", "audit", "schedule"),
    "Import and export": ("import", "export", "serve-model"),
    "The lake": ("lake", "tag", "diff"),
}


def _group_commands(app: typer.Typer) -> None:
    """Show the commands of an app's help in panels, in their order; one that no panel names stands under "Commands"."""
    panels = {name: panel for panel, names in PANELS.items() for name in names}
    places = {name: place for place, name in enumerate(panels)}
    app.registered_commands.sort(key=lambda command: places.get(command.name or "", len(places)))
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
