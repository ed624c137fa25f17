"""`curate forecast`: what training would meet under each curriculum."""

from typing import Annotated, Any

import typer
from rich.console import Console

from assay.cli.console import ConsoleReporter, page
from assay.cli.runner import AsJson, ConfigPath, LakeDir, Sets, emit, exits, load
from assay.cli.tables import table

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[CURRICULUM]...",
        help='A name, with settings after it: posterior "bandit temperature=0.2".',
        show_default=False,
    ),
]
Repeats = Annotated[int, typer.Option("--repeats", min=1, help="Simulated runs a curriculum.")]
HEAD = ("curriculum", "signal", "±", "first quarter", "last quarter", "groups paid", "groups trained", "tokens a step")
LEGEND = (
    "\nsignal: share of the groups paid for that are neither all right nor all wrong; ± its standard deviation over simulated runs",
    "the policy stands still: what it learns on the way is not foreseen",
)


def forecast(
    config: ConfigPath,
    curricula: Names = None,
    lake: LakeDir = "",
    sets: Sets = [],
    as_json: AsJson = False,
    repeats: Repeats = 16,
) -> None:
    """Foresee from stored posteriors what share of groups will carry signal under each curriculum, and what a step costs. Writes nothing."""
    voice = ConsoleReporter()
    with exits(voice):
        made = load(config, lake, sets)
        from assay.pipelines.analysis.curriculum_simulation import forecast as foresee
        from assay.pipelines.context.run import RunContext
        from assay.stores.lake import Lake

        with Lake(made.lake) as opened, RunContext(made, opened, voice) as context:
            told = foresee(context, curricula or [], repeats=repeats)
        if as_json:
            emit(told)
            return
        _show(page(), told)


def _show(console: Console, told: dict[str, Any]) -> None:
    beside = f", {told['unscored']} more unscored" if told["unscored"] else ""
    title = f"{told['steps']} steps of {told['groups']} groups of {told['group_size']} over {told['problems']} selected problems{beside}"
    keys = ("signal", "deviation", "first", "last", "paid", "trained")
    rows = [
        (row["curriculum"], *(round(row[key], 3) for key in keys), round(row["tokens"])) for row in told["curricula"]
    ]
    console.print(table(title, HEAD, rows))
    for line in LEGEND:
        console.print(line, soft_wrap=True)
