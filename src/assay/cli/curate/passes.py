"""`curate passes`: pass@k, pass^k and majority@k."""

from typing import Annotated, Any

import typer

from assay.cli.console import ConsoleReporter, page
from assay.cli.runner import DONE, AsJson, ConfigPath, LakeDir, Sets, emit, exits, load, with_context
from assay.cli.tables import table

Ks = Annotated[
    list[int] | None, typer.Option("--k", min=1, help="Attempts in a group; may be repeated. 1 and n without it.")
]


def passes(config: ConfigPath, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False, k: Ks = None) -> None:
    """Show pass@k, pass^k and majority@k of the train side, unbiased, from a fixed design's stored attempts."""
    voice = ConsoleReporter()
    with exits(voice):
        made = load(config, lake, sets)
    with_context(made, "curate passes", lambda context: _passes(context, as_json, k or []), voice, upto="split")


def _passes(context: Any, as_json: bool, ks: list[int]) -> int:
    from assay.pipelines.analysis.pass_at_k import passes as over

    told = over(context, ks or sorted({1, int(context.config.score.settings.get("n", 8))}))
    if as_json:
        emit(told)
        return DONE
    short = f", {told['too_few']} more have fewer" if told["too_few"] else ""
    rows = [(name, "-" if value is None else round(value, 4)) for name, value in told["means"].items()]
    page().print(table(f"{told['problems']} problems with {told['n']} attempts{short}", ("mean of", "share"), rows))
    return DONE
