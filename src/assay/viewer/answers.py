"""What each address answers, from the state and the query string."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from assay.core.errors import ConfigError
from assay.viewer.cluster_map import cluster_map
from assay.viewer.costs import costs, forecast
from assay.viewer.difficulty import difficulty
from assay.viewer.marks import Marks, answers_to_mark
from assay.viewer.overview import overview
from assay.viewer.pool import SORTS, PoolView
from assay.viewer.problem import problem_page, whole_problem, whole_text
from assay.viewer.selections import stored_selections
from assay.viewer.state import ViewState
from assay.viewer.training import curriculum, training

COMPARED = 20_000  # problems of a pool up to which selectors are run for the page
MOST_SELECTORS = 6
CONFIG_NEEDED = "this needs a config, but the page was opened on a lake: use `curate view CONFIG`"


class Gone(Exception):
    """A view of an earlier state of the lake, or one that is no longer held: open it again."""


def state_of(state: ViewState, query: Mapping[str, str]) -> dict[str, Any]:
    """Tell which lake is shown, and whether anything has changed."""
    keys = state.keys
    config = state.config.name if state.config is not None else ""
    return {
        "lake": state.place,
        "config": config,
        "live": state.live,
        "ready": state.ready.is_set(),
        "version": state.version,
        "changed": state.changed,
        "fault": state.fault,
        "problems": state.pool.count,
        "expected": 0 if state.whole.is_set() else state.expected,
        "policy": keys.policy_name,
        "mode": keys.mode,
        "has": {
            "scores": bool(keys.scoring),
            "clusters": bool(keys.clustering),
            "selection": bool(keys.selection),
            "curriculum": bool(keys.curriculum),
        },
        "columns": state.pool.columns,
        "sorts": SORTS,
    }


def first_view(state: ViewState, query: Mapping[str, str]) -> dict[str, Any]:
    """Return the overview; what the whole pool is needed for is left out until it is read."""
    if not state.whole.is_set():
        return {**overview(state.reader, state.keys, None), "expected": state.expected}
    page: dict[str, Any] = state.once("overview", lambda: overview(state.reader, state.keys, state.pool))
    return page


def pool(state: ViewState, query: Mapping[str, str]) -> dict[str, Any]:
    """Open a view of the pool, with its facets and its first rows."""
    view = _open(state, query)
    index = state.pool
    return {
        "view": view.name,
        "version": state.version,
        "total": len(view.rows),
        "pool": index.count,
        "expected": 0 if state.whole.is_set() else state.expected,
        "facets": view.facets,
        "rows": index.page(view, 0, _number(query, "count", 60)),
    }


def rows(state: ViewState, query: Mapping[str, str]) -> dict[str, Any]:
    """Return some rows of a view that was opened."""
    index = state.pool
    view = index.view(query.get("view", ""))
    if view is None or query.get("version", "") != state.version:
        raise Gone("this view is no longer kept; reload the page")
    offset = _number(query, "offset", 0)
    return {"offset": offset, "rows": index.page(view, offset, _number(query, "count", 100))}


def one_problem(state: ViewState, query: Mapping[str, str]) -> dict[str, Any]:
    """Return one problem with its attempts."""
    return problem_page(state.reader, state.keys, query.get("id", ""), offset=_number(query, "offset", 0))


def text(state: ViewState, query: Mapping[str, str]) -> dict[str, Any]:
    """Return the whole text of an attempt, or of a problem."""
    if problem := query.get("problem", ""):
        return whole_problem(state.reader, problem)
    return whole_text(state.reader, query.get("id", ""))


def selectors(state: ViewState, query: Mapping[str, str]) -> dict[str, Any]:
    """Compare stored selections."""
    comparison: dict[str, Any] = state.once("selectors", lambda: stored_selections(state.reader, state.keys))
    return {**comparison, "can_compare": state.context is not None and state.whole_pool().count <= COMPARED}


def compare(state: ViewState, query: Mapping[str, str]) -> dict[str, Any]:
    """Let selectors choose from the config's pool, as `curate analyze selectors` does; nothing is written."""
    if state.context is None:
        raise ConfigError(CONFIG_NEEDED)
    if (count := state.whole_pool().count) > COMPARED:
        raise ConfigError(
            f"a pool of {count:,} problems is too large to compare on a page; run `curate analyze selectors CONFIG`"
        )
    from assay.pipelines.analysis.compare_selectors import compare_selectors

    names = [name.strip() for name in query.get("names", "").split(",") if name.strip()][:MOST_SELECTORS]
    with state.context_turn:
        comparison: dict[str, Any] = finite(compare_selectors(state.context, names))
    return comparison


def cost(state: ViewState, query: Mapping[str, str]) -> dict[str, Any]:
    """Tell what was paid."""
    summary: dict[str, Any] = state.once("cost", lambda: costs(state.reader, state.keys))
    return {
        **{name: value for name, value in summary.items() if name != "per_problem"},
        "can_forecast": state.context is not None,
    }


def rest(state: ViewState, query: Mapping[str, str]) -> dict[str, Any]:
    """Tell what is left of the config, and what it is expected to cost."""
    if (context := state.context) is None:
        raise ConfigError(CONFIG_NEEDED)
    spent = state.once("cost", lambda: costs(state.reader, state.keys))["per_problem"]
    with state.context_turn:
        estimate: dict[str, Any] = finite(forecast(context, spent))
    return estimate


def audit(state: ViewState, marks: Marks) -> dict[str, Any]:
    """Return the next answers to mark."""
    return answers_to_mark(state.reader, state.keys, marks)


def _open(state: ViewState, query: Mapping[str, str]) -> PoolView:
    try:
        facets = json.loads(query.get("facets") or "{}")
    except (ValueError, RecursionError) as error:
        raise ConfigError("facets must be JSON: {name: [values]}") from error
    if not isinstance(facets, dict) or not all(
        isinstance(values, list) and len(values) <= 500 and all(isinstance(value, str) for value in values)
        for values in facets.values()
    ):
        raise ConfigError("facets must be JSON: {name: [values]}")
    return state.pool.open_view(
        query.get("where", ""), facets, query.get("sort", ""), query.get("descending", "") == "1"
    )


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise ConfigError(f"{name} must be a number of at least 0, found {text[:20]!r}")
    return int(text)


def finite(value: Any) -> Any:
    """Return a value with None in the place of what JSON has no number for.

    Args:
        value: numbers, texts, lists and dicts of them.
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(name): finite(item) for name, item in value.items()}
    return [finite(item) for item in value] if isinstance(value, list | tuple) else value


ANSWERS: dict[str, Callable[[ViewState, Mapping[str, str]], Any]] = {
    "state": state_of,
    "overview": first_view,
    "pool": pool,
    "rows": rows,
    "problem": one_problem,
    "text": text,
    "difficulty": lambda state, query: state.once("difficulty", lambda: difficulty(state.whole_pool())),
    "clusters": lambda state, query: state.once(
        "clusters", lambda: cluster_map(state.reader, state.keys, state.whole_pool())
    ),
    "selectors": selectors,
    "compare": compare,
    "curriculum": lambda state, query: state.once(
        "curriculum", lambda: curriculum(state.reader, state.keys, state.whole_pool())
    ),
    "training": lambda state, query: training(state.reader, state.keys, query.get("training", "")),
    "cost": cost,
    "forecast": rest,
}
