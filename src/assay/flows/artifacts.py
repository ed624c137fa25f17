"""Make what Prefect's UI shows of a run besides its log: kept and dropped rows, difficulty, the report's link.

An artifact that the server does not take is a warning: the rows are in the lake, and nothing is repeated for a
picture.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from assay.core.display import escape_markdown
from assay.core.errors import ConfigError
from assay.flows.prefect_adapter import server_errors
from assay.pipelines.analysis.report import NOTHING, collect_values, difficulty_chart
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext
from assay.reports.plots import encode_data_uri
from assay.viewer.report import write_report


def artifact_key(config: str, name: str) -> str:
    """Return an artifact's key, by which the runs of one config are one row of versions in the UI.

    Prefect takes small letters, digits and dashes.

    >>> artifact_key("GSM8K (nightly)", "difficulty")
    'gsm8k-nightly-difficulty'
    """
    return "-".join(re.findall("[a-z0-9]+", f"{config} {name}".lower()))


def make_artifacts(context: RunContext, results: StageResults = NOTHING) -> None:
    """Make the artifacts of a run; a stage that is not done has none.

    Args:
        context: the run.
        results: what its stages have come to, those included that a limit left partly done.
    """
    from prefect.artifacts import create_markdown_artifact, create_table_artifact

    summary, name = collect_values(context, results), context.config.name
    config_name = escape_markdown(name)
    with warn_if_refused(context.reporter.warn, "kept and dropped"):
        create_table_artifact(
            escape_cells(kept_and_dropped(summary)),
            key=artifact_key(name, "kept-and-dropped"),
            description=f"Which problems left {config_name}, stage by stage, and why",
        )
    if summary["histogram"]:
        with warn_if_refused(context.reporter.warn, "the difficulty histogram"):
            policy = escape_markdown(str(summary["policy"]))
            description = f"Problems of {config_name} by the share of attempts that {policy} solved"
            # under an image artifact the UI prints its address, which is the image
            picture = f"![difficulty]({encode_data_uri(difficulty_chart(summary))})"
            create_markdown_artifact(picture, key=artifact_key(name, "difficulty"), description=description)
    try:
        _make_link(context, write_report(context, results=results), context.config.flow.reports_url)
    except ConfigError as error:
        context.reporter.warn(f"no report: {error}")


def make_rounds_table(context: RunContext, reports: Sequence[Mapping[str, Any]]) -> None:
    """Make a table of what each round of a loop gained: held-out pass@1."""
    from prefect.artifacts import create_table_artifact

    rows = []
    for report in reports:
        held_out, band = report["held_out"], report["band"]
        rates = {
            "before": held_out["before"][0],
            "after": held_out["after"][0],
            "95% of the difference": (held_out["difference"] or [None])[1:],
        }
        rows.append(
            {
                "round": report["round"],
                "kind": report.get("kind", "grpo"),
                "problems": held_out["problems"],
                **rates,
                "in band": band["before"],
                "left": band["above"] + band["below"],
            }
        )
    with warn_if_refused(context.reporter.warn, "the rounds"):
        description = f"Held-out pass@1 of {escape_markdown(context.config.name)}, before and after each round"
        create_table_artifact(
            escape_cells(rows), key=artifact_key(context.config.name, "rounds"), description=description
        )


def kept_and_dropped(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one row per stage for what it kept, and one row per reason for what it dropped.

    The rows of a stage add up to what came into it, except those of ingest, which counts sources.
    """
    rows = []
    for stage in summary["stages"]:
        drops = [drop for drop in summary["dropped"] if drop["stage"] == stage["stage"]]
        if stage["out"] is not None and (drops or stage["stage"] == "score"):
            rows.append({"stage": stage["stage"], "what": "kept", "reason": "", "rows": stage["out"], "example": ""})
            rows += [
                {
                    "stage": stage["stage"],
                    "what": "dropped",
                    **{name: drop[name] for name in ("reason", "rows", "example")},
                }
                for drop in drops
            ]
    return rows


def escape_cells(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows whose texts the UI shows as they are: it renders the cells of a table as Markdown."""
    return [
        {name: escape_markdown(value) if isinstance(value, str) else value for name, value in row.items()}
        for row in rows
    ]


def _make_link(context: RunContext, page: Path, reports_url: str) -> None:
    from prefect.artifacts import create_link_artifact

    name = context.config.name
    link = f"{reports_url.rstrip('/')}/{page.name}" if reports_url else page.absolute().as_uri()
    description = f"Report of {escape_markdown(name)}, written to {escape_markdown(str(page))}"
    if not reports_url:
        description += "; browsers do not open local files from a web page, so copy the address, "
        description += "or set `flow.reports_url` in the config"
    with warn_if_refused(context.reporter.warn, "the link to the report"):
        create_link_artifact(link, link_text=link, key=artifact_key(name, "report"), description=description)


@contextmanager
def warn_if_refused(warn: Callable[[str], None], what: str) -> Iterator[None]:
    """Turn a call that the server does not take, because it is gone, busy or too old, into a warning."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, (OSError, *server_errors())):
            raise
        warn(f"the server did not accept {what}: {(str(error).splitlines() or [type(error).__name__])[0]}")
