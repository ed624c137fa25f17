"""Write an autopsy: the page, the table, the problems, and the pool to go on with."""

from pathlib import Path

import pyarrow as pa

from assay.pipelines.analysis.autopsy.pool import write_pool
from assay.pipelines.analysis.autopsy.run import Autopsy
from assay.pipelines.analysis.autopsy.table import to_table
from assay.reports.autopsy import render_autopsy
from assay.stores.query_results import encode_parquet


def write_autopsy(
    result: Autopsy,
    *,
    page: Path,
    table: Path | None = None,
    problems: Path | None = None,
    out: Path | None = None,
) -> dict[str, str]:
    """Write the page, and of the rest what has a place.

    Args:
        result: of the autopsy.
        page: an HTML file that loads nothing.
        table: the findings as Parquet.
        problems: one row per problem as Parquet.
        out: the problems that stay as JSON lines, which `curate init` reads.

    Returns:
        What was written, and where.

    Raises:
        ConfigError: nothing could be curated from `out`; the page and the tables are there.
    """
    files = {"page": _write(page, render_autopsy(result.to_json(), next_step(result, out)).encode())}
    if table:
        files["table"] = _write(table, encode_parquet(to_table(result.findings)))
    if problems:
        files["problems"] = _write(problems, encode_parquet(pa.Table.from_pylist(result.problems)))
    if out:
        count = write_pool(result.problems, out)
        files["pool"] = f"{out} ({count} problems; next: curate init {out})"
    return files


def next_step(result: Autopsy, out: Path | None) -> str:
    """Return the command to go on with."""
    if out:
        return f"curate init {out.name}"
    return (
        "curate autopsy … --out pool.jsonl && curate init pool.jsonl"
        if result.summary.golds
        else ("curate autopsy … --pool TRAINING_FILE --out pool.jsonl && curate init pool.jsonl")
    )


def _write(place: Path, content: bytes) -> str:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return str(place)
