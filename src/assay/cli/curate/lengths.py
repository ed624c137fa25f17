"""`curate lengths`: pass rate against the cap, from stored attempts."""

from typing import Annotated, Any

import typer

from assay.cli.console import ConsoleReporter, page
from assay.cli.runner import DONE, AsJson, ConfigPath, LakeDir, Sets, emit, exits, load, with_context
from assay.cli.tables import table

Caps = Annotated[
    list[int] | None,
    typer.Option("--at", min=1, help="A cap in tokens; may be repeated. Shares of the plan's own without it."),
]
CUT_BY = {
    "tokenizer": "the policy's tokenizer",
    "characters": "characters, in proportion to tokens: this engine has no tokenizer at hand",
}


def lengths(config: ConfigPath, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False, at: Caps = None) -> None:
    """Show pass rate, cut share and group signal under shorter caps: stored answers are cut and judged again, no token is generated."""
    voice = ConsoleReporter()
    with exits(voice):
        made = load(config, lake, sets)
    with_context(made, "curate lengths", lambda context: _lengths(context, as_json, at or []), voice, upto="split")


def _lengths(context: Any, as_json: bool, at: list[int]) -> int:
    from assay.pipelines.analysis.length_curve import lengths as under

    told = under(context, at)
    if as_json:
        emit(told)
        return DONE
    console, head = page(), list(told["caps"][0])
    rows = [[round(value, 3) if isinstance(value, float) else value for value in row.values()] for row in told["caps"]]
    console.print(
        table(
            f"{told['attempts']} stored attempts at {told['problems']} problems; groups of {told['group_size']}",
            head,
            rows,
        )
    )
    console.print(f"cut by {CUT_BY[told['by']]}", markup=False, soft_wrap=True)
    return DONE
