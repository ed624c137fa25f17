"""What the functions of the Python API return: the rows of a stage, with what they mean and where they lie.

Every result is an Arrow table with more to it: `to_arrow`, `to_pandas`, `to_dataset`, `to_list`, `dropped`, `partial`,
and the config and the lake from which the next stage goes on.
"""

import html
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import pyarrow as pa

from assay.core.config import Config
from assay.pipelines.analysis.stage_rows import read_dropped
from assay.pipelines.context.results import StageResults
from assay.stores.lake import Lake

SHOWN = 10  # rows of a table in a notebook
SHOWN_CHARACTERS = 120  # of one cell there


@dataclass(frozen=True, eq=False)
class StageRows:
    """The rows that one stage left.

    Names that a `pyarrow.Table` has (`num_rows`, `column`, `filter`, ...) are those of `to_arrow()`, and every library
    that reads Arrow's stream interface (pandas, Polars, DuckDB) takes the object as a table.

    Attributes:
        stage: its name.
        config: what was run; its `lake` holds the rows.
        partial: why the stage is only partly done, such as a token limit; "" = it is done.
        run: the id of the run in `runs`.
    """

    stage: str
    config: Config
    partial: str
    run: str
    table: pa.Table = field(repr=False)
    stages: StageResults = field(repr=False)
    folder: str = field(default_factory=os.getcwd, repr=False)  # the working directory when the rows were made

    def to_arrow(self) -> pa.Table:
        """Return the rows as a `pyarrow.Table`; kept fields of the source are columns of their own."""
        return self._flat

    def to_pandas(self) -> Any:
        """Return the rows as a pandas data frame."""
        return self._flat.to_pandas()

    def to_dataset(self) -> Any:
        """Return the rows as a `datasets.Dataset`."""
        import datasets

        return datasets.Dataset(self._flat)

    def to_list(self) -> list[dict[str, Any]]:
        """Return the rows as a list of dicts."""
        return list(self._flat.to_pylist())

    def open_lake(self) -> Lake:
        """Open the lake that holds the rows, for SQL: `with scores.open_lake() as lake: lake.query(...)`."""
        return Lake(self.find_lake(), create=False)

    def find_lake(self) -> str:
        """Return the lake's place from the present working directory, which may be another than when it was written."""
        place = self.config.lake
        if "://" in place or os.path.isabs(os.path.expanduser(place)) or os.getcwd() == self.folder:
            return place
        return os.path.relpath(os.path.join(self.folder, place))

    @cached_property
    def dropped(self) -> pa.Table:
        """Every row that left up to this stage: stage, reason, problem_id, prompt, source, detail, file, line."""
        with self.open_lake() as lake:
            return read_dropped(lake, self.stages)

    @cached_property
    def _flat(self) -> pa.Table:
        return flatten_metadata(self.table)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") and name != "__arrow_c_stream__":
            raise AttributeError(name)
        return getattr(self._flat, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(name for name in dir(pa.Table) if not name.startswith("_"))})

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._flat.__arrow_c_stream__(requested_schema)

    def __getitem__(self, column: str | int) -> Any:
        return self._flat[column]

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for batch in self._flat.to_batches(max_chunksize=1024):
            yield from batch.to_pylist()

    def __repr__(self) -> str:
        partial = f"; partly done: {self.partial}" if self.partial else ""
        return f"{type(self).__name__}({self.describe()}; lake {self.config.lake}{partial})"

    def describe(self) -> str:
        """Return one sentence about the rows."""
        return f"{len(self)} rows of {self.stage}"

    def _repr_html_(self) -> str:
        columns = [name for name in self._flat.column_names if name not in ("verifier", "direction", "censored")]
        head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
        rows = (
            "".join(f"<td>{html.escape(_cell(row[name]))}</td>" for name in columns)
            for row in self._flat.slice(0, SHOWN).to_pylist()
        )
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        more = f"<p>… {len(self) - SHOWN} more</p>" if len(self) > SHOWN else ""
        return (
            f"<p>{html.escape(repr(self))}</p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"
        )


class ProblemRows(StageRows):
    """Problems that ingest read, that cleaning kept, or that the split put on a side."""

    def describe(self) -> str:
        """Return how many problems there are."""
        return f"{len(self)} problems after {self.stage}"


class Scores(StageRows):
    """How hard each training problem is for the policy: counts, posterior mean `value`, interval [`low`, `high`]."""

    def describe(self) -> str:
        """Return the number of problems and of attempts, and their mean pass rate."""
        counts = {name: sum(self._flat[f"n_{name}"].to_pylist()) for name in ("correct", "wrong", "truncated", "error")}
        shares = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        return f"{len(self)} problems, {sum(counts.values())} attempts: {shares or 'none'}"

    def plot(self, kind: Literal["histogram", "intervals"] = "histogram", *, axes: Any = None) -> Any:
        """Draw the pass rates by source as a histogram, or each problem's interval in the order of its mean.

        Args:
            kind: what is drawn.
            axes: of matplotlib; None = a new figure.

        Returns:
            The matplotlib axes.

        Raises:
            ConfigError: matplotlib is not installed.
        """
        from assay.api import charts

        draw = charts.draw_histogram if kind == "histogram" else charts.draw_intervals
        return draw(self._flat, axes)


class Clusters(StageRows):
    """The cluster of each training problem."""

    def describe(self) -> str:
        """Return how many problems lie in how many clusters."""
        return f"{len(self)} problems in {len(set(self._flat['cluster'].to_pylist()))} clusters"

    def plot(self, *, axes: Any = None) -> Any:
        """Draw the problems on the two main axes of their vectors, coloured by cluster.

        Args:
            axes: of matplotlib; None = a new figure.

        Returns:
            The matplotlib axes.

        Raises:
            ConfigError: matplotlib is not installed.
        """
        from assay.api import charts

        with self.open_lake() as lake:
            encoder = self.stages.of("embed").detail["encoder"]
            vectors = lake.query(
                "SELECT problem_id, vector FROM vectors WHERE encoder = ? AND problem_id IN (SELECT "
                "unnest(?::VARCHAR[]))"
                " QUALIFY row_number() OVER (PARTITION BY id) = 1",
                [encoder, self._flat["problem_id"].to_pylist()],
            )
        return charts.draw_clusters(self._flat, vectors, axes)


class SelectionRows(StageRows):
    """The problems that a selector kept, with their weights; `dropped` holds the others and why."""

    def describe(self) -> str:
        """Return how many problems were kept, and by which selector."""
        return f"{len(self)} problems kept by {self.config.select.selector}"

    def plot(self, kind: Literal["histogram", "intervals"] = "histogram", *, axes: Any = None) -> Any:
        """Draw the pass rates of the kept problems, as `Scores.plot` does.

        Args:
            kind: what is drawn.
            axes: of matplotlib; None = a new figure.
        """
        return Scores.plot(self, kind, axes=axes)  # type: ignore[arg-type]


class CurriculumRows(StageRows):
    """The kept problems in the order in which training meets them."""

    def describe(self) -> str:
        """Return how many problems stand in how many lessons."""
        lessons = len(set(self._flat["lesson"].to_pylist()))
        return f"{len(self)} problems in {lessons} {'lesson' if lessons == 1 else 'lessons'}"


class Training(StageRows):
    """The metrics of a training, one row per step and name."""

    @property
    def checkpoint(self) -> str:
        """The folder of the trained policy."""
        return str(self.stages.of("train").detail["checkpoint"])


KINDS: dict[str, type[StageRows]] = {
    "ingest": ProblemRows,
    "clean": ProblemRows,
    "split": ProblemRows,
    "score": Scores,
    "embed": Clusters,
    "select": SelectionRows,
    "order": CurriculumRows,
    "train": Training,
}


def flatten_metadata(table: pa.Table) -> pa.Table:
    """Return the table with a column per kept field in place of the JSON in `metadata`.

    A field whose name a column has already becomes `metadata_NAME`; one whose values are of several types stays JSON.
    """
    if "metadata" not in table.column_names:
        return table
    rows = [json.loads(text) if text else {} for text in table["metadata"].to_pylist()]
    table = table.drop_columns(["metadata"])
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row.get(name) for row in rows]
        try:
            column = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            column = pa.array([None if value is None else json.dumps(value, ensure_ascii=False) for value in values])
        table = table.append_column(f"metadata_{name}" if name in table.column_names else name, column)
    return table


def _cell(value: Any) -> str:
    text = f"{value:.3f}" if isinstance(value, float) else "" if value is None else str(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
