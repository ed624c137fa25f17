"""`curate analyze lengths`: pass rate against the cap, from stored attempts."""

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

Caps = Annotated[
    list[int] | None,
    typer.Option("--at", min=1, help="A cap in tokens; may be repeated. By default, fractions of the config's cap."),
]
CUT_BY = {
    "tokenizer": "the policy's tokenizer",
    "characters": "characters, converted to tokens in proportion, because this engine has no tokenizer",
}


def lengths(path: ConfigPath, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False, at: Caps = None) -> None:
    """Show pass rate, truncated share and group signal under shorter token caps. Stored answers are cut and graded
    again; nothing is generated.
    """
    reporter = ConsoleReporter()
    with report_errors(reporter):
        config = load_config(path, lake, sets)
    run_with_context(
        config, "curate analyze lengths", lambda context: _lengths(context, as_json, at or []), reporter, upto="split"
    )


def _lengths(context: Any, as_json: bool, at: list[int]) -> int:
    from assay.pipelines.analysis.length_curve import count_by_length as measure_lengths

    curve = measure_lengths(context, at)
    if as_json:
        print_json(curve)
        return DONE
    console, head = open_console(), list(curve["caps"][0])
    rows = [[round(value, 3) if isinstance(value, float) else value for value in row.values()] for row in curve["caps"]]
    console.print(
        build_table(
            f"{curve['attempts']} stored attempts at {curve['problems']} problems; groups of {curve['group_size']}",
            head,
            rows,
        )
    )
    console.print(f"cut by {CUT_BY[curve['by']]}", markup=False, soft_wrap=True)
    return DONE
