"""`curate audit`: a person marks a sample of verdicts; out come soundness, completeness and corrected pass rates."""

from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.console import ConsoleReporter, open_console
from assay.cli.runner import (
    DONE,
    AsJson,
    ConfigPath,
    LakeDir,
    Sets,
    load_config,
    print_json,
    report_errors,
    run_with_context,
)
from assay.cli.tables import build_table
from assay.core.errors import ConfigError

Sheet = Annotated[
    Path | None, typer.Option("--sheet", metavar="CSV", help="Write a sheet to mark: yes or no in the column 'right'.")
]
Marked = Annotated[
    Path | None, typer.Option("--marked", metavar="CSV", help="Read a marked sheet back and store what it says.")
]
WrongGolds = Annotated[
    bool,
    typer.Option(
        "--wrong-golds", help="Grade stored attempts against other problems' gold answers; generates nothing."
    ),
]
Size = Annotated[
    int,
    typer.Option("--sample", min=1, metavar="N", help="Number of accepted answers per verifier, and of rejected ones."),
]
Cost = Annotated[
    float,
    typer.Option(
        "--false-accept-cost",
        min=0,
        metavar="C",
        help="Cost of accepting a wrong answer, if a correct one is worth 1; determines the best number of samples.",
    ),
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Seed of the sample.")]


def audit(
    path: ConfigPath,
    sheet: Sheet = None,
    marked: Marked = None,
    sample: Size = 50,
    seed: Seed = 0,
    cost: Cost = 1.0,
    wrong_golds: WrongGolds = False,
    lake: LakeDir = "",
    sets: Sets = [],
    as_json: AsJson = False,
) -> None:
    """Sample accepted and rejected answers for manual review (--sheet), or read the marks (--marked).

    Or measure wrong acceptances without a person (--wrong-golds).
    """
    reporter = ConsoleReporter()
    with report_errors(reporter):
        if [sheet is None, marked is None, not wrong_golds].count(False) != 1:
            raise ConfigError(
                "curate audit needs exactly one of --sheet CSV (write a sheet), --marked CSV (read it back) and "
                "--wrong-golds"
            )
        config = load_config(path, lake, sets)
    run_with_context(
        config,
        "curate audit",
        lambda context: (
            _wrong_golds(context, sample, seed, as_json)
            if wrong_golds
            else _audit(context, sheet, marked, sample, seed, cost, as_json, reporter)
        ),
        reporter,
        upto="clean",
    )


def _audit(
    context: Any,
    sheet: Path | None,
    marked: Path | None,
    sample: int,
    seed: int,
    cost: float,
    as_json: bool,
    reporter: ConsoleReporter,
) -> int:
    from assay.pipelines.analysis import audit as stage

    if sheet is not None:
        counts = stage.write_sheet(context, sheet, sample, seed)
        reporter.say(
            f"{sheet}: {counts['accepted']} accepted and {counts['rejected']} rejected answers; mark them, then "
            f"--marked {sheet}"
        )
        return DONE
    assert marked is not None
    audits = stage.read_sheet(context, marked)
    rates = stage.corrected_rates(context, audits, cost=cost)
    if as_json:
        print_json({"audits": audits, "rates": rates})
        return DONE
    _print(audits, rates, cost)
    return DONE


def _print(audits: list[dict[str, Any]], rates: list[dict[str, Any]], cost: float) -> None:
    names = ("soundness", "completeness")
    rows = [
        (
            row["verifier"],
            row["version"],
            row.get("source") or "all",
            *(f"{row[name]:.3f} [{row[f'{name}_low']:.3f}, {row[f'{name}_high']:.3f}]" for name in names),
        )
        for row in audits
    ]
    console = open_console()
    console.print(build_table("verifiers, 95% intervals", ("verifier", "version", "source", *names), rows))
    rate_rows = [
        (row["source"], row["verifier"], row["n"], f"{row['observed']:.3f}", _format_rate(row)) for row in rates
    ]
    head = ("source", "verifier", "attempts", "observed", "corrected, 95% interval")
    console.print(build_table("\npass rates", head, rate_rows))
    reach = [(row["source"], row["verifier"], *_format_resampling(row)) for row in rates]
    title = f"\nresampling until the verifier accepts, where a false accept costs {cost:g} right answers"
    console.print(
        build_table(title, ("source", "verifier", "correct among accepted, at most", "best K", "right", "false"), reach)
    )


def _format_resampling(rate: dict[str, Any]) -> tuple[str, ...]:
    if rate["best_k"] is None:
        return ("unknown", "-", "-", "-")
    k = str(rate["best_k"]) if rate["best_k"] < rate["most_k"] else f"{rate['most_k']} or more"
    return f"{rate['ceiling']:.3f}", k, f"{rate['right']:.3f}", f"{rate['false']:.3f}"


def _format_rate(rate: dict[str, Any]) -> str:
    if rate["corrected"] is None:
        return "unknown: the verifier is not informative"
    return f"{rate['corrected']:.3f} [{rate['low']:.3f}, {rate['high']:.3f}]"


def _wrong_golds(context: Any, sample: int, seed: int, as_json: bool) -> int:
    from assay.pipelines.analysis.wrong_golds import judge_wrong_golds

    wrong_golds = judge_wrong_golds(context, sample, seed)
    if as_json:
        print_json({"wrong_golds": wrong_golds})
        return DONE
    rows = [
        (
            row["source"],
            row["verifier"],
            *(f"{row[f'{name}_accepted']} of {row[f'n_{name}']}" for name in ("right", "wrong")),
            "-" if row["rate"] is None else f"{row['rate']:.3f} [{row['low']:.3f}, {row['high']:.3f}]",
        )
        for row in wrong_golds
    ]
    columns = ("source", "verifier", "correct answers accepted", "wrong answers accepted", "rate, 95% interval")
    open_console().print(build_table("attempts graded against other problems' gold answers", columns, rows))
    for row in wrong_golds:
        for example in row["examples"]:
            open_console().print(
                f"{row['source']}: {example['answer']!r} is accepted for {example['other_gold']!r}; "
                f"its own gold answer is {example['own_gold']!r}",
                markup=False,
            )
    return DONE
