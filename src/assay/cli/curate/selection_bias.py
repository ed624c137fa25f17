"""`curate analyze selection-bias`: measure a selection's bias by fresh attempts, next to the predicted group signal."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assay.cli.console import ConsoleReporter, open_console
from assay.cli.runner import DONE, AsJson, LakeDir, Sets, load_config, print_json, report_errors, run_with_context
from assay.cli.tables import build_table
from assay.core.errors import ConfigError

if TYPE_CHECKING:
    from assay.core.config import Config

Target = Annotated[
    Path,
    typer.Argument(
        metavar="CONFIG|SELECTION", help="A config, or a selection's key in the lake, or the key's beginning."
    ),
]
Kept = Annotated[int, typer.Option("--kept", min=0, help="How many selected problems to attempt again.")]
Dropped = Annotated[int, typer.Option("--dropped", min=0, help="How many dropped problems to attempt again.")]


KEY = re.compile(r"[0-9a-f]{6,64}")
LAKE = ".assay/lake"  # holds the selection unless --lake says otherwise


def is_selection_key(target: Path) -> bool:
    """Return whether an argument is a selection's key and not the path of a file."""
    return KEY.fullmatch(str(target)) is not None and not target.exists()


def selection_bias(
    path: Target,
    lake: LakeDir = "",
    sets: Sets = [],
    as_json: AsJson = False,
    kept: Kept = 200,
    dropped: Dropped = 100,
) -> None:
    """Attempt some selected and some dropped problems again, and compare predicted with observed group signal: by how
    much the selection overrates what it chose (winner's curse).
    """
    reporter = ConsoleReporter()
    with report_errors(reporter):
        config = (
            _config_of_selection(str(path), lake, sets) if is_selection_key(path) else load_config(path, lake, sets)
        )
    run_with_context(
        config,
        "curate analyze selection-bias",
        lambda context: _compare(context, as_json, kept, dropped),
        reporter,
        upto="select",
    )


def _config_of_selection(key: str, lake: str, sets: list[str]) -> "Config":
    from assay.pipelines.analysis.selection_bias import plan_of
    from assay.stores.lake import Lake

    if sets:
        raise ConfigError(
            "--set changes a config, and a selection already has one: name the config in place of the key"
        )
    with Lake(lake or LAKE, create=False) as opened:
        return plan_of(opened, key).model_copy(update={"lake": lake or LAKE})


def _compare(context: Any, as_json: bool, kept: int, dropped: int) -> int:
    from assay.pipelines.analysis.selection_bias import measure_selection_bias as measure_bias

    bias = measure_bias(context, kept=kept, dropped=dropped)
    if as_json:
        print_json(bias)
        return DONE
    head = ("problems", "attempted", "predicted signal", "observed", "difference", "95% interval")
    console = open_console()
    console.print(
        build_table(
            f"groups of {bias['group_size']} attempts",
            head,
            [_comparison_row(name, bias[name]) for name in ("kept", "dropped")],
        )
    )
    curse, low, high = (bias["kept"][name] for name in ("difference", "low", "high"))
    words = (
        "unknown: no kept problem has a whole group of fresh attempts"
        if curse is None
        else f"{curse:+.3f} [{low:+.3f}, {high:+.3f}]"
    )
    console.print(
        f"winner's curse: {words}; {bias['samples']} attempts, {bias['tokens']} tokens spent now",
        markup=False,
        soft_wrap=True,
    )
    return DONE


def _comparison_row(name: str, side: dict[str, Any]) -> tuple[Any, ...]:
    if side["difference"] is None:
        return name, side["problems"], "-", "-", "-", "-"
    interval = f"[{side['low']:+.3f}, {side['high']:+.3f}]"
    return (
        name,
        side["problems"],
        f"{side['predicted']:.3f}",
        f"{side['observed']:.3f}",
        f"{side['difference']:+.3f}",
        interval,
    )
