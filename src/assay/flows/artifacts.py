"""What Prefect's UI shows of a run beside its log: who was kept and dropped and why, how hard the problems are, a link to the report.

An artifact that the server does not take is a warning: the rows are in the lake, and nothing is done again for the sake of a picture.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from assay.core.display import escape_markdown
from assay.core.errors import ConfigError
from assay.flows.prefect_adapter import server_errors
from assay.pipelines.analysis.report import NOTHING, collected, difficulty_chart, write
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext
from assay.reports.plots import encode_data_uri


def key(config: str, name: str) -> str:
    """An artifact's key: the runs of one plan are one row of versions in the UI. Prefect takes small letters, digits and dashes.

    >>> key("GSM8K (nightly)", "difficulty")
    'gsm8k-nightly-difficulty'
    """
    return "-".join(re.findall("[a-z0-9]+", f"{config} {name}".lower()))


def show(context: RunContext, results: StageResults = NOTHING) -> None:
    """Make the artifacts of a run; a stage that is not done has none.

    Args:
        context: the run.
        results: what its stages have come to, those included that a limit left partly done.
    """
    from prefect.artifacts import create_markdown_artifact, create_table_artifact

    told, name = collected(context, results), context.config.name
    shown = escape_markdown(name)
    with untaken(context.reporter.warn, "kept and dropped"):
        create_table_artifact(
            cells(kept_and_dropped(told)),
            key=key(name, "kept-and-dropped"),
            description=f"Who left {shown}, stage by stage, and why",
        )
    if told["histogram"]:
        with untaken(context.reporter.warn, "the difficulty histogram"):
            said = f"Problems of {shown} by the share of attempts that {escape_markdown(str(told['policy']))} solved"
            # under an image artifact the UI prints its address, which is the image
            picture = f"![difficulty]({encode_data_uri(difficulty_chart(told))})"
            create_markdown_artifact(picture, key=key(name, "difficulty"), description=said)
    try:
        _link(context, write(context, results=results), context.config.flow.reports_url)
    except ConfigError as error:
        context.reporter.warn(f"no report: {error}")


def show_rounds(context: RunContext, reports: Sequence[Mapping[str, Any]]) -> None:
    """What each round of a loop was worth, as a table; held-out pass@1."""
    from prefect.artifacts import create_table_artifact

    rows = []
    for told in reports:
        held, band = told["held_out"], told["band"]
        rates = {
            "before": held["before"][0],
            "after": held["after"][0],
            "95% of the difference": (held["difference"] or [None])[1:],
        }
        rows.append(
            {
                "round": told["round"],
                "problems": held["problems"],
                **rates,
                "in band": band["before"],
                "left": band["above"] + band["below"],
            }
        )
    with untaken(context.reporter.warn, "the rounds"):
        said = f"Held-out pass@1 of {escape_markdown(context.config.name)}, before and after each round"
        create_table_artifact(cells(rows), key=key(context.config.name, "rounds"), description=said)


def kept_and_dropped(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row a stage of what went on, and one a reason of what left; they add up to what came in, but for ingest, which counts sources in."""
    rows = []
    for stage in told["stages"]:
        left = [each for each in told["dropped"] if each["stage"] == stage["stage"]]
        if stage["out"] is not None and (left or stage["stage"] == "score"):
            rows.append({"stage": stage["stage"], "what": "kept", "reason": "", "rows": stage["out"], "example": ""})
            rows += [
                {
                    "stage": stage["stage"],
                    "what": "dropped",
                    **{name: each[name] for name in ("reason", "rows", "example")},
                }
                for each in left
            ]
    return rows


def cells(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows whose texts the UI shows as they are: it renders the cells of a table as Markdown."""
    return [
        {name: escape_markdown(value) if isinstance(value, str) else value for name, value in row.items()}
        for row in rows
    ]


def _link(context: RunContext, page: Path, reports_url: str) -> None:
    from prefect.artifacts import create_link_artifact

    name = context.config.name
    link = f"{reports_url.rstrip('/')}/{page.name}" if reports_url else page.absolute().as_uri()
    said = f"Report of {escape_markdown(name)}, written to {escape_markdown(str(page))}"
    if not reports_url:
        said += "; browsers open no file from a page of a server, so copy the address, or set `flow.reports_url` in the plan"
    with untaken(context.reporter.warn, "the link to the report"):
        create_link_artifact(link, link_text=link, key=key(name, "report"), description=said)


@contextmanager
def untaken(warn: Callable[[str], None], what: str) -> Iterator[None]:
    """Turns a call that the server does not take, because it is gone, busy or too old, into a warning."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, (OSError, *server_errors())):
            raise
        warn(f"the server did not take {what}: {(str(error).splitlines() or [type(error).__name__])[0]}")
