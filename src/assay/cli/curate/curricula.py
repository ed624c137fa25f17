"""`curate analyze curricula`: what training would meet under each curriculum."""

from typing import Annotated, Any

import typer
from rich.console import Console

from assay.cli.console import ConsoleReporter, open_console
from assay.cli.runner import AsJson, ConfigPath, LakeDir, Sets, load_config, print_json, report_errors
from assay.cli.tables import build_table

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[CURRICULUM]...",
        help='A name, with settings after it: posterior "bandit temperature=0.2".',
        show_default=False,
    ),
]
Repeats = Annotated[int, typer.Option("--repeats", min=1, help="Simulated runs per curriculum.")]
HEAD = (
    "curriculum",
    "signal",
    "±",
    "first quarter",
    "last quarter",
    "mixed",
    "groups paid",
    "groups trained",
    "tokens per step",
)
LEGEND = (
    "\nsignal: of the groups paid for, the share whose rewards differ, or the mean standard deviation of their rewards "
    "where train.objective divides by none; ± its standard deviation over simulated runs",
    "mixed: share of these groups that are neither all right nor all wrong, which is what online curricula go by",
    "the policy is held fixed: what it learns during training is not simulated",
)


def curricula(
    path: ConfigPath,
    names: Names = None,
    lake: LakeDir = "",
    sets: Sets = [],
    as_json: AsJson = False,
    repeats: Repeats = 16,
) -> None:
    """Simulate curricula on the stored pass-rate posteriors: the fraction of GRPO groups with mixed rewards, and tokens
    per step. Generates and writes nothing.
    """
    reporter = ConsoleReporter()
    with report_errors(reporter):
        config = load_config(path, lake, sets)
        from assay.pipelines.analysis.curriculum_simulation import simulate_curricula as simulate
        from assay.pipelines.context.run import RunContext
        from assay.stores.lake import Lake

        with Lake(config.lake) as opened, RunContext(config, opened, reporter) as context:
            simulation = simulate(context, names or [], repeats=repeats)
        if as_json:
            print_json(simulation)
            return
        _print_simulation(open_console(), simulation)


def _print_simulation(console: Console, simulation: dict[str, Any]) -> None:
    unscored = f", {simulation['unscored']} more unscored" if simulation["unscored"] else ""
    groups = f"{simulation['groups']} groups of {simulation['group_size']}"
    title = f"{simulation['steps']} steps of {groups} over {simulation['problems']} selected problems{unscored}"
    keys = ("signal", "deviation", "first", "last", "mixed", "paid", "trained")
    rows = [
        (row["curriculum"], *(round(row[key], 3) for key in keys), round(row["tokens"]))
        for row in simulation["curricula"]
    ]
    console.print(build_table(title, HEAD, rows))
    for line in LEGEND:
        console.print(line, soft_wrap=True)
