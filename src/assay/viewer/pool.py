"""The pool as a table of a million rows: counted, filtered, sorted and read a page at a time.

A view is a filter and an order. Its row numbers are worked out once and held, so a page anywhere in it costs the same.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from assay.core.errors import ConfigError
from assay.core.identity import content_id
from assay.stores.pool_table import PoolTable
from assay.stores.query_results import to_json_value
from assay.stores.reader import LakeReader
from assay.stores.schema import quoted
from assay.viewer.keys import ViewKeys

SNIPPET = 160  # characters of a question that a row shows
FACETS = ("source", "outcome", "difficulty", "selection", "cluster")
MAX_VALUES = 200  # of a facet that are listed
FIRST = 200  # problems that are shown while the others are read
PAGE = 500  # rows of one page, at most
VIEWS = 24  # whose row numbers are held
SHOWN = (
    "id", "question", "source", "n_correct", "n_wrong", "n_truncated", "n_error", "rate", "low", "high",
    "outcome", "difficulty", "selection", "cluster", "place", "characters", "p_mixed_8", "disputed",
)  # fmt: skip
SORTS = ("rate", "low", "high", "p_mixed_8", "characters", "n_truncated", "n_error", "place", "source", "cluster", "id")
# the problems of some pools; all problems where no pool is known
MEMBERS = "SELECT DISTINCT problem_id FROM pool_members WHERE pool IN (SELECT unnest($pools::VARCHAR[]))"
SCORED = """
SELECT problem_id, n_correct, n_wrong, n_truncated, n_error, value, low, high, disputed, beta_a, beta_b
FROM {table} WHERE scoring_id = $scoring {only}
"""
# the window behind `current_scores` takes five times as long as the rows themselves, and most lakes hold one score per problem
SCORES = "SELECT 1 AS n FROM scores WHERE scoring_id = ? LIMIT 1"
REPEATED = "SELECT count(*) AS n, count(DISTINCT problem_id) AS problems FROM scores WHERE scoring_id = ?"
COUNTED = """
SELECT problem_id, sum(n_correct)::BIGINT AS n_correct, sum(n_wrong)::BIGINT AS n_wrong, sum(n_truncated)::BIGINT AS n_truncated,
       sum(n_error)::BIGINT AS n_error, avg(mean) AS value, avg(low) AS low, avg(high) AS high, bool_or(disputed) AS disputed,
       avg(beta_a) AS beta_a, avg(beta_b) AS beta_b
FROM pass_rates WHERE policy = $policy AND sampler = $sampler GROUP BY problem_id
"""
POOL = """
WITH scored AS ({scored}),
     dropped AS (SELECT problem_id, min(reason) AS reason FROM drops WHERE key IN (SELECT unnest($drops::VARCHAR[])) {only} GROUP BY problem_id),
     sides AS (SELECT problem_id, side FROM splits WHERE split = $split {only}),
     chosen AS (SELECT problem_id, kept, reason, weight FROM selections WHERE selection_id = $selection {only}),
     grouped AS (SELECT problem_id, cluster FROM clusters WHERE clustering_id = $clustering {only}),
     placed AS (SELECT problem_id, min(place) AS place FROM (
         SELECT problem_id, row_number() OVER (ORDER BY lesson, position) - 1 AS place FROM curriculum WHERE curriculum_id = $curriculum
     ) GROUP BY problem_id),
     joined AS (
SELECT p.id, left(p.messages[-1].content, {snippet}) AS question, p.source, p.characters,
       s.n_correct, s.n_wrong, s.n_truncated, s.n_error,
       s.n_correct / nullif(s.n_correct + s.n_wrong + s.n_truncated, 0) AS rate,
       s.value, s.low, s.high,
       coalesce(s.disputed, false) AS disputed, signal(s.beta_a, s.beta_b, 8) AS p_mixed_8,
       g.cluster, l.place, c.kept, c.weight, c.reason, d.reason AS drop_reason, v.side
FROM {problems} p {members} LEFT JOIN scored s ON s.problem_id = p.id LEFT JOIN dropped d ON d.problem_id = p.id
LEFT JOIN sides v ON v.problem_id = p.id LEFT JOIN chosen c ON c.problem_id = p.id LEFT JOIN grouped g ON g.problem_id = p.id
LEFT JOIN placed l ON l.problem_id = p.id)
SELECT id, question, source, characters, n_correct, n_wrong, n_truncated, n_error, rate, {finite}, disputed, cluster,
       place, kept, side, coalesce(drop_reason, reason, '') AS reason,
       CASE WHEN n_correct IS NULL THEN 'not attempted' WHEN disputed THEN 'disputed'
            WHEN n_correct + n_wrong + n_truncated = 0 THEN 'only errors' WHEN n_correct + n_wrong = 0 THEN 'only cut'
            WHEN n_wrong + n_truncated = 0 THEN 'all right' WHEN n_correct = 0 THEN 'none right' ELSE 'mixed' END AS outcome,
       CASE WHEN rate IS NULL THEN 'unmeasured' WHEN rate = 0 THEN '0' WHEN rate < .2 THEN '<.2' WHEN rate < .4 THEN '<.4'
            WHEN rate < .6 THEN '<.6' WHEN rate < .8 THEN '<.8' WHEN rate < 1 THEN '<1' ELSE '1' END AS difficulty,
       CASE WHEN drop_reason IS NOT NULL THEN 'dropped: ' || drop_reason WHEN side = 'held_out' THEN 'held out' WHEN kept THEN 'selected'
            WHEN NOT kept THEN 'passed over: ' || coalesce(nullif(reason, ''), 'budget') ELSE 'undecided' END AS selection
FROM joined
"""
# numbers that nothing finite was stored for are empty: sums and orders go on without them
FINITE = ", ".join(
    f"CASE WHEN isfinite({name}) THEN {name} END AS {name}" for name in ("value", "low", "high", "p_mixed_8", "weight")
)


@dataclass(frozen=True, slots=True)
class PoolView:
    """The rows of a filter in an order."""

    name: str
    rows: NDArray[np.int32]
    facets: Mapping[str, list[dict[str, Any]]]


def read_pool(reader: LakeReader, keys: ViewKeys, *, limit_s: float = 0.0) -> pa.Table:
    """Read one row per problem, with all that the table can be filtered by.

    Args:
        reader: the lake.
        keys: which rows of it count.
        limit_s: seconds that it may take; 0 = the reader's limit.
    """
    return reader.table(*_pool_query(reader, keys), limit_s=limit_s)


def stream_pool(reader: LakeReader, keys: ViewKeys) -> Iterator[pa.RecordBatch]:
    """Yield the rows of `read_pool` in batches, so that memory holds a few of them."""
    yield from reader.stream(*_pool_query(reader, keys))


def _pool_query(reader: LakeReader, keys: ViewKeys) -> tuple[str, dict[str, Any]]:
    """Return the query of `read_pool` and its parameters."""
    counts = reader.one(REPEATED, [keys.scoring])
    has_scores, has_repeats = counts["n"] > 0, counts["n"] > counts["problems"]
    scores = SCORED.format(table="current_scores" if has_repeats else "scores", only="") if has_scores else COUNTED
    parameters = _parameters(keys)
    parameters |= {"scoring": keys.scoring} if has_scores else {"policy": keys.policy, "sampler": keys.sampler}
    parameters |= {"pools": list(keys.pools)} if keys.pools else {}
    members = f"SEMI JOIN ({MEMBERS}) m ON m.problem_id = p.id" if keys.pools else ""
    query = POOL.format(scored=scores, snippet=SNIPPET, problems="problems", members=members, finite=FINITE, only="")
    return query, parameters


def read_some(reader: LakeReader, keys: ViewKeys) -> pa.Table | None:
    """Read the rows of some problems, in a tenth of the time that all of a million take; their places are not known.

    Args:
        reader: the lake.
        keys: which rows of it count.

    Returns:
        As `read_pool`; None where nothing is scored, because attempts would have to be counted.
    """
    some = f"SELECT id FROM problems LIMIT {FIRST}"
    if keys.pools:
        some = f"SELECT problem_id AS id FROM pool_members WHERE pool IN (SELECT unnest($1::VARCHAR[])) LIMIT {FIRST}"
    ids = ", ".join(quoted(row["id"]) for row in reader.rows(some, [list(keys.pools)] if keys.pools else None))
    if not ids or not reader.one(SCORES, [keys.scoring]):
        return None
    only = f"AND problem_id IN ({ids})"
    query = POOL.format(
        scored=SCORED.format(table="current_scores", only=only),
        snippet=SNIPPET,
        problems=f"(SELECT * FROM problems WHERE id IN ({ids}))",
        members="",
        finite=FINITE,
        only=only,
    )
    return reader.table(query, {**_parameters(keys), "curriculum": "", "scoring": keys.scoring})


def _parameters(keys: ViewKeys) -> dict[str, Any]:
    return {
        "drops": keys.drops,
        "split": keys.split,
        "selection": keys.selection,
        "clustering": keys.clustering,
        "curriculum": keys.curriculum,
    }


class PoolIndex:
    """The pool of one state of the lake, in memory.

    Args:
        table: of `read_pool`, in memory or as an earlier run of the viewer stored it.
    """

    def __init__(self, table: pa.Table | PoolTable) -> None:
        self._table = table if isinstance(table, PoolTable) else PoolTable(table)
        self.count = self._table.count
        self.facets = {
            name: _Facet(
                table[name] if isinstance(table, pa.Table) else table.query(f'SELECT "{name}" FROM pool')[name]
            )
            for name in FACETS
        }
        self._views: OrderedDict[str, PoolView] = OrderedDict()
        self._orders: dict[str, NDArray[np.int32]] = {}
        self._matches: OrderedDict[str, NDArray[np.bool_]] = OrderedDict()
        self._turn = threading.Lock()

    @classmethod
    def empty(cls) -> "PoolIndex":
        """Return a pool without rows, for the time until the first one is read."""
        texts, flags = (
            ("id", "question", "source", "side", "reason", "outcome", "difficulty", "selection"),
            ("disputed", "kept"),
        )
        counts = ("characters", "n_correct", "n_wrong", "n_truncated", "n_error", "cluster", "place")
        rates = ("rate", "value", "low", "high", "p_mixed_8", "weight")
        types = {**dict.fromkeys(texts, pa.string()), **dict.fromkeys(flags, pa.bool_())}
        types |= {**dict.fromkeys(counts, pa.int64()), **dict.fromkeys(rates, pa.float64())}
        return cls(pa.table({name: pa.array([], kind) for name, kind in types.items()}))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a condition may name."""
        return self._table.columns

    def open_view(
        self,
        condition: str = "",
        facets: Mapping[str, Sequence[str]] | None = None,
        sort: str = "",
        descending: bool = False,
    ) -> PoolView:
        """Filter and sort, and count every facet among the rows that the other filters leave.

        Args:
            condition: SQL behind WHERE; "" = all rows.
            facets: the values of each facet that count; a facet without any lets all pass.
            sort: a column of SORTS; "" = as the lake holds them.
            descending: the largest first; empty values stay last.

        Raises:
            ConfigError: an unknown facet or column, or the condition is none.
            LakeError: DuckDB refused the condition, or its time was over.
        """
        facets = {name: tuple(values) for name, values in (facets or {}).items() if values}
        if strange := sorted(facets.keys() - set(FACETS)):
            raise ConfigError(f"no facet {strange[0]!r}; known: {', '.join(FACETS)}")
        if sort and sort not in SORTS:
            raise ConfigError(f"cannot sort by {sort!r}; known: {', '.join(SORTS)}")
        name = content_id("view", condition.strip(), sorted(facets.items()), sort, descending)
        with self._turn:
            if (view := self._views.get(name)) is None:
                view = self._views[name] = self._make_view(name, condition.strip(), facets, sort, descending)
            self._views.move_to_end(name)
            while len(self._views) > VIEWS:
                self._views.popitem(last=False)
        return view

    def view(self, name: str) -> PoolView | None:
        """Return a view that was opened a moment ago; None where it is no longer held."""
        with self._turn:
            return self._views.get(name)

    def page(self, view: PoolView, offset: int, count: int) -> list[dict[str, Any]]:
        """Return some rows of a view, from an offset on."""
        numbers = view.rows[max(0, offset) : max(0, offset) + min(count, PAGE)]
        rows = self._table.take(numbers.tolist(), SHOWN) if len(numbers) else []
        return [{name: to_json_value(value) for name, value in row.items()} for row in rows]

    def rows(self, sql: str, parameters: Any = None) -> list[dict[str, Any]]:
        """Run one SELECT of this package's own over the table `pool`."""
        return [
            {name: to_json_value(value) for name, value in row.items()}
            for row in self._table.query(sql, parameters).to_pylist()
        ]

    def close(self) -> None:
        """Free the memory."""
        self._table.close()

    def _make_view(
        self, name: str, condition: str, values_by_facet: Mapping[str, Sequence[str]], sort: str, descending: bool
    ) -> PoolView:
        matches = self._match(condition)
        passing = {facet: self.facets[facet].among(values) for facet, values in values_by_facet.items()}
        facets = {}
        for facet in FACETS:
            mask = matches
            for other_facet, filter_mask in passing.items():
                mask = mask & filter_mask if other_facet != facet else mask
            facets[facet] = self.facets[facet].counts(mask, values_by_facet.get(facet, ()))
        for filter_mask in passing.values():
            matches = matches & filter_mask
        order = self._order(sort, descending)
        return PoolView(name, order[matches[order]] if sort else np.flatnonzero(matches).astype(np.int32), facets)

    def _match(self, condition: str) -> NDArray[np.bool_]:
        if not condition:
            return np.ones(self.count, dtype=np.bool_)
        if (mask := self._matches.get(condition)) is None:
            mask = np.zeros(self.count, dtype=np.bool_)
            mask[self._table.match(condition)] = True
            self._matches[condition] = mask
            while len(self._matches) > VIEWS:
                self._matches.popitem(last=False)
        return mask

    def _order(self, sort: str, descending: bool) -> NDArray[np.int32]:
        if not sort:
            return np.zeros(0, dtype=np.int32)
        key = f"{sort} DESC" if descending else sort
        if key not in self._orders:
            self._orders[key] = self._table.order(sort, descending=descending)
        return self._orders[key]


class _Facet:
    """One column with few values, as numbers."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        encoding = column.cast(pa.string()).combine_chunks().dictionary_encode()
        self.values: list[str] = ["" if value is None else value for value in encoding.dictionary.to_pylist()]
        codes = encoding.indices.fill_null(len(self.values)).to_numpy(zero_copy_only=False)
        self.codes: NDArray[np.int32] = codes.astype(np.int32)
        self.names = [*self.values, ""]  # the last = empty

    @cached_property
    def totals(self) -> NDArray[np.int64]:
        return np.bincount(self.codes, minlength=len(self.names))

    def among(self, values: Sequence[str]) -> NDArray[np.bool_]:
        passes = np.array([name in values for name in self.names], dtype=np.bool_)
        return np.asarray(passes[self.codes], dtype=np.bool_)

    def counts(self, mask: NDArray[np.bool_], always: Sequence[str]) -> list[dict[str, Any]]:
        """Return the values with how many rows pass, the commonest first, and those of `always` among them."""
        counts = np.bincount(self.codes[mask], minlength=len(self.names)) if len(mask) else self.totals
        places = sorted(np.flatnonzero(self.totals), key=lambda place: (-int(self.totals[place]), self.names[place]))
        shown_places = [place for rank, place in enumerate(places) if rank < MAX_VALUES or self.names[place] in always]
        return [
            {"value": self.names[place], "count": int(counts[place]), "total": int(self.totals[place])}
            for place in shown_places
        ]
