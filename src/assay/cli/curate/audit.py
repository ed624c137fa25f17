"""`curate audit`: a person marks a sample of verdicts; out come soundness, completeness and corrected pass rates."""

from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.console import ConsoleReporter, page
from assay.cli.runner import DONE, AsJson, ConfigPath, LakeDir, Sets, emit, exits, load, with_context
from assay.cli.tables import table
from assay.core.errors import ConfigError

Sheet = Annotated[
    Path | None, typer.Option("--sheet", metavar="CSV", help="Write a sheet to mark: yes or no in the column 'right'.")
]
Marked = Annotated[
    Path | None, typer.Option("--marked", metavar="CSV", help="Read a marked sheet back and store what it says.")
]
Size = Annotated[
    int,
    typer.Option("--sample", min=1, metavar="N", help="Accepted answers, and as many rejected ones, of each verifier."),
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Of the draw.")]


def audit(
    config: ConfigPath,
    sheet: Sheet = None,
    marked: Marked = None,
    sample: Size = 50,
    seed: Seed = 0,
    lake: LakeDir = "",
    sets: Sets = [],
    as_json: AsJson = False,
) -> None:
    """Sample accepted and rejected answers for a person to mark (--sheet), or read the marks (--marked)."""
    voice = ConsoleReporter()
    with exits(voice):
        if (sheet is None) == (marked is None):
            raise ConfigError("curate audit needs either --sheet CSV, to write one, or --marked CSV, to read one")
        made = load(config, lake, sets)
    with_context(
        made,
        "curate audit",
        lambda context: _audit(context, sheet, marked, sample, seed, as_json, voice),
        voice,
        upto="clean",
    )


def _audit(
    context: Any, sheet: Path | None, marked: Path | None, sample: int, seed: int, as_json: bool, voice: ConsoleReporter
) -> int:
    from assay.pipelines.analysis import audit as stage

    if sheet is not None:
        told = stage.write_sheet(context, sheet, sample, seed)
        voice.say(
            f"{sheet}: {told['accepted']} accepted and {told['rejected']} rejected answers; mark them, then --marked {sheet}"
        )
        return DONE
    assert marked is not None
    audits = stage.read_sheet(context, marked)
    rates = stage.corrected_rates(context, audits)
    if as_json:
        emit({"audits": audits, "rates": rates})
        return DONE
    names = ("soundness", "completeness")
    rows = [
        (
            each["verifier"],
            each["version"],
            *(f"{each[name]:.3f} [{each[f'{name}_low']:.3f}, {each[f'{name}_high']:.3f}]" for name in names),
        )
        for each in audits
    ]
    page().print(table("verifiers, 95% intervals", ("verifier", "version", *names), rows))
    told_rates = [
        (each["source"], each["verifier"], each["n"], f"{each['observed']:.3f}", _shown(each)) for each in rates
    ]
    page().print(
        table("\npass rates", ("source", "verifier", "attempts", "observed", "corrected, 95% interval"), told_rates)
    )
    return DONE


def _shown(rate: dict[str, Any]) -> str:
    if rate["corrected"] is None:
        return "unknown: the verifier says nothing"
    return f"{rate['corrected']:.3f} [{rate['low']:.3f}, {rate['high']:.3f}]"
