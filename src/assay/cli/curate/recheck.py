"""`curate recheck`: was the selection lucky? Fresh attempts beside what was expected."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.console import ConsoleReporter, page
from assay.cli.runner import DONE, AsJson, LakeDir, Sets, emit, exits, load, with_context
from assay.cli.tables import table
from assay.core.config import Config
from assay.core.errors import ConfigError

Target = Annotated[
    Path,
    typer.Argument(metavar="PLAN|SELECTION", help="A plan, or a selection's key in the lake, or the key's beginning."),
]
Kept = Annotated[int, typer.Option("--kept", min=0, help="Selected problems that are attempted afresh.")]
Dropped = Annotated[int, typer.Option("--dropped", min=0, help="Dropped problems that are attempted afresh.")]


KEY = re.compile(r"[0-9a-f]{6,64}")
LAKE = ".assay/lake"  # where a selection is looked for unless --lake says otherwise


def of_selection(target: Path) -> bool:
    """Whether this is a selection's key and no file."""
    return KEY.fullmatch(str(target)) is not None and not target.exists()


def recheck(
    config: Target,
    lake: LakeDir = "",
    sets: Sets = [],
    as_json: AsJson = False,
    kept: Kept = 200,
    dropped: Dropped = 100,
) -> None:
    """Attempt some selected and some dropped problems afresh: predicted beside observed group signal, the winner's curse in one number."""
    voice = ConsoleReporter()
    with exits(voice):
        made = _chosen(str(config), lake, sets) if of_selection(config) else load(config, lake, sets)
    with_context(
        made, "curate recheck", lambda context: _recheck(context, as_json, kept, dropped), voice, upto="select"
    )


def _chosen(key: str, lake: str, sets: list[str]) -> Config:
    from assay.pipelines.analysis.selection_bias import plan_of
    from assay.stores.lake import Lake

    if sets:
        raise ConfigError("--set changes a plan, and a selection already has one: name the plan in place of the key")
    with Lake(lake or LAKE, create=False) as opened:
        return plan_of(opened, key).model_copy(update={"lake": lake or LAKE})


def _recheck(context: Any, as_json: bool, kept: int, dropped: int) -> int:
    from assay.pipelines.analysis.selection_bias import recheck as afresh

    told = afresh(context, kept=kept, dropped=dropped)
    if as_json:
        emit(told)
        return DONE
    head = ("problems", "attempted", "predicted signal", "observed", "difference", "95% interval")
    console = page()
    console.print(
        table(
            f"groups of {told['group_size']} attempts", head, [_row(name, told[name]) for name in ("kept", "dropped")]
        )
    )
    curse, low, high = (told["kept"][name] for name in ("difference", "low", "high"))
    words = (
        "unknown: no kept problem has a whole group of fresh attempts"
        if curse is None
        else f"{curse:+.3f} [{low:+.3f}, {high:+.3f}]"
    )
    console.print(
        f"winner's curse: {words}; {told['samples']} attempts, {told['tokens']} tokens spent now",
        markup=False,
        soft_wrap=True,
    )
    return DONE


def _row(name: str, told: dict[str, Any]) -> tuple[Any, ...]:
    if told["difference"] is None:
        return name, told["problems"], "-", "-", "-", "-"
    interval = f"[{told['low']:+.3f}, {told['high']:+.3f}]"
    return (
        name,
        told["problems"],
        f"{told['predicted']:.3f}",
        f"{told['observed']:.3f}",
        f"{told['difference']:+.3f}",
        interval,
    )
