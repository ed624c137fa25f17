"""Charts of scores and clusters for notebooks, drawn by matplotlib (extra `plot`)."""

from typing import Any

import numpy as np
import pyarrow as pa
from sklearn.decomposition import PCA

from assay.core.errors import require

BINS = 10
POINTS = 5_000  # of a scatter plot, at most; more are thinned evenly


def draw_histogram(scores: pa.Table, axes: Any = None) -> Any:
    """Draw how many problems have which pass rate, one colour per source; problems without a value are left out."""
    axes = _axes(axes)
    values = _floats(scores["value"])
    sources = np.array(scores["source"].to_pylist(), dtype=object)
    names = sorted(set(sources))
    axes.hist(
        [values[(sources == name) & ~np.isnan(values)] for name in names],
        bins=np.linspace(0, 1, BINS + 1) if np.nanmax(values, initial=0) <= 1 else BINS,
        stacked=True,
        label=names,
    )
    axes.set(xlabel="posterior mean of the pass rate", ylabel="problems")
    axes.legend()
    return axes


def draw_intervals(scores: pa.Table, axes: Any = None) -> Any:
    """Draw each problem's interval as a line, in the order of the means."""
    axes = _axes(axes)
    values, low, high = (_floats(scores[name]) for name in ("value", "low", "high"))
    order = np.argsort(values, kind="stable")
    order = order[~np.isnan(values[order])]
    order = order[:: max(1, len(order) // POINTS)]
    places = np.arange(len(order))
    axes.vlines(places, low[order], high[order], alpha=0.3, linewidth=1)
    axes.plot(places, values[order], ".", markersize=3)
    axes.set(xlabel="problems, hardest first", ylabel="pass rate and its interval", ylim=(0, 1))
    return axes


def draw_clusters(clusters: pa.Table, vectors: pa.Table, axes: Any = None) -> Any:
    """Draw the problems on the first two principal axes of their vectors, one colour per cluster."""
    axes = _axes(axes)
    cluster_of = dict(zip(clusters["problem_id"].to_pylist(), clusters["cluster"].to_pylist(), strict=True))
    thinned = vectors.take(np.arange(0, vectors.num_rows, max(1, vectors.num_rows // POINTS)))
    matrix = np.array(thinned["vector"].to_pylist(), dtype=np.float32)
    if len(matrix) > 1:
        matrix = PCA(2, random_state=0).fit_transform(matrix)
        colours = [cluster_of[id_] for id_ in thinned["problem_id"].to_pylist()]
        axes.scatter(matrix[:, 0], matrix[:, 1], c=colours, s=8, cmap="tab10")
    axes.set(xlabel="first principal axis", ylabel="second principal axis")
    return axes


def _axes(axes: Any) -> Any:
    if axes is not None:
        return axes
    require("matplotlib", extra="plot")
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(7, 4), layout="constrained")[1]


def _floats(column: pa.ChunkedArray) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([np.nan if value is None else value for value in column.to_pylist()], dtype=np.float64)
