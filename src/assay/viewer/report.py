"""A config's lake as one page: the viewer's views over answers that lie in the page, which loads nothing."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from assay.core.errors import ConfigError
from assay.pipelines.analysis.report import NOTHING, collect_values
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext
from assay.stores.pool_table import PoolTable, store_pool
from assay.stores.reader import LakeReader
from assay.stores.sql.database import limited_memory
from assay.viewer.answers import finite
from assay.viewer.bundle import build_page
from assay.viewer.cluster_map import cluster_map
from assay.viewer.costs import costs
from assay.viewer.difficulty import difficulty
from assay.viewer.keys import ViewKeys, config_keys
from assay.viewer.overview import overview
from assay.viewer.pool import PoolIndex, read_pool, stream_pool
from assay.viewer.selections import stored_selections
from assay.viewer.telling import shown_pictures, shown_problem, telling_problems
from assay.viewer.training import curriculum, training

READ_S = 600.0  # limit of one read: nobody waits in front of a page
IN_MEMORY = 100_000  # problems of a lake whose pool is read into memory
LARGE_GIB = 0.25  # of memory for the queries over a larger one; the rest goes on in files, a tenth slower
POINTS = 2_500  # of the map that a page holds
NO_TRAINING: Mapping[str, Any] = {"trainings": [], "training": "", "curves": {}, "drift": []}


def write_report(context: RunContext, out: Path | None = None, results: StageResults = NOTHING) -> Path:
    """Write the page of a config, whole or not at all.

    Args:
        context: the run.
        out: where; None = `reports/NAME.html` in the lake's folder.
        results: what the run's stages have come to, those included that a limit left partly done.

    Returns:
        Where the page lies.

    Raises:
        ConfigError: the lake is a bucket and no place is given, or the place cannot be written.
    """
    if out is None and context.lake.storage.remote:
        raise ConfigError(f"{context.lake.place} is a bucket, where no page can be written: name a file with --out")
    place = out or context.lake.root / "reports" / f"{context.config.name.replace('/', '-')}.html"
    aside = place.with_name(f".{place.name}.tmp")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        aside.touch()  # a place that refuses it is found before the lake is read
        try:
            text = build_page(f"{context.config.name}: curation report", snapshot(context, results))
            aside.write_text(text, encoding="utf-8", errors="replace")
            aside.replace(place)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot write the page to {place}: {error.strerror}") from error
    return place


def snapshot(context: RunContext, results: StageResults = NOTHING) -> dict[str, Any]:
    """Collect what the views of a report ask for; the lake is read, and no stage is run.

    Args:
        context: the run.
        results: as of `write_report`.

    Returns:
        By the name under which a view asks: `parts` names the views that have something to show.
    """
    reader = LakeReader(context.lake.place, limit_s=READ_S)
    try:
        large = sum(rows for table, rows, _ in reader.files() if table == "problems") > IN_MEMORY
        with limited_memory(LARGE_GIB) if large else nullcontext():
            summary = collect_values(context, results)
            keys = config_keys(context, reader)
            with _open_pool(reader, keys, large=large) as pool:
                views, n_problems = report_views(reader, keys, pool), pool.count
    finally:
        reader.close()
    state = {name: summary[name] for name in ("config", "lake", "policy", "written")}
    page: dict[str, Any] = finite(
        {
            **views,
            "parts": _parts({**views, "value": summary["value"]}),
            "value": summary["value"],
            "state": {**state, "mode": keys.mode, "problems": n_problems},
            "origin": _origin(summary),
        }
    )
    return page


@contextmanager
def _open_pool(reader: LakeReader, keys: ViewKeys, *, large: bool) -> Iterator[PoolIndex]:
    """Read the pool into memory, or into a file for the time of the report where it is large."""
    with tempfile.TemporaryDirectory(prefix="assay-report-") if large else nullcontext() as folder:
        if folder:
            path = Path(folder, "pool.duckdb")
            store_pool(stream_pool(reader, keys), path)
            pool = PoolIndex(PoolTable.stored(path, locked=False))
        else:
            pool = PoolIndex(read_pool(reader, keys, limit_s=READ_S))
        try:
            yield pool
        finally:
            pool.close()


def report_views(reader: LakeReader, keys: ViewKeys, pool: PoolIndex) -> dict[str, Any]:
    """Collect what the views show, each under its name.

    Args:
        reader: the lake.
        keys: which rows of it count.
        pool: the problems.
    """
    rows = telling_problems(pool)
    problems = {row["id"]: shown_problem(reader, keys, row["id"]) for row in rows}
    paid = costs(reader, keys)
    return {
        "overview": overview(reader, keys, pool),
        "telling": rows,
        "problems": problems,
        "pictures": shown_pictures(reader, [picture for page in problems.values() for picture in page["pictures"]]),
        "difficulty": difficulty(pool),
        "clusters": cluster_map(reader, keys, pool, points=POINTS),
        "selectors": {**stored_selections(reader, keys), "can_compare": False},
        "curriculum": curriculum(reader, keys, pool),
        "training": _own_training(reader, keys),
        "cost": {**{name: value for name, value in paid.items() if name != "per_problem"}, "can_forecast": False},
    }


def _own_training(reader: LakeReader, keys: ViewKeys) -> Mapping[str, Any]:
    """Return the curves of the config's own training; those of others in the lake are theirs to show."""
    curves = training(reader, keys)
    if not keys.training or curves["training"] != keys.training:
        return NO_TRAINING
    return {**curves, "trainings": [row for row in curves["trainings"] if row["training"] == keys.training]}


def _parts(views: Mapping[str, Any]) -> list[str]:
    """Name the views that have something to show."""
    contents = {
        "overview": True,
        "telling": views["telling"],
        "difficulty": views["difficulty"]["sources"],
        "clusters": views["clusters"]["clusters"],
        "value": views["value"],
        "selectors": views["selectors"]["selections"],
        "curriculum": views["curriculum"]["bands"],
        "training": views["training"]["training"],
        "cost": views["cost"]["paid"],
        "origin": True,
    }
    return [name for name, content in contents.items() if content]


def _origin(summary: Mapping[str, Any]) -> dict[str, Any]:
    sampling = [
        ("policy", summary["policy"]),
        ("revision", summary["revision"]),
        ("grading", summary["grading"]),
        *((name, str(value)) for name, value in summary["sampler"].items()),
    ]
    versions = [
        *((f"verifier {row['verifier']}", row["version"]) for row in summary["verifiers"]),
        *summary["versions"].items(),
    ]
    tables = {name: summary[name] for name in ("stages", "disputed", "tables", "runs")}
    return {**tables, "sampling": sampling, "versions": versions}
