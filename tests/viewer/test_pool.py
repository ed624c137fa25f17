"""The pool as a table: one row per problem, filters and facets that agree with SQL over the lake."""

import json
from typing import Any

import pytest

from assay.core.errors import ConfigError
from assay.stores.reader import LakeReader
from assay.viewer.keys import ViewKeys
from assay.viewer.pool import PoolIndex


def test_each_problem_of_the_pool_has_one_row(reader: LakeReader, pool: PoolIndex) -> None:
    assert pool.count == reader.one("SELECT count(*) AS n FROM problems")["n"]
    rows = [row for offset in range(0, pool.count, 100) for row in pool.page(pool.open_view(), offset, 100)]
    assert len({row["id"] for row in rows}) == pool.count


def test_counts_are_those_of_the_scores_and_reasons_those_of_the_selection(
    reader: LakeReader, keys: ViewKeys, pool: PoolIndex
) -> None:
    selected = reader.one("SELECT count(*) AS n FROM selections WHERE selection_id = ? AND kept", [keys.selection])["n"]
    facets = {
        name: {value["value"]: value["count"] for value in values} for name, values in pool.open_view().facets.items()
    }
    assert facets["selection"]["selected"] == selected
    none_right = "n_correct = 0 AND n_wrong > 0 AND NOT disputed"
    scores = reader.one(
        f"SELECT count(*) AS n FROM current_scores WHERE scoring_id = ? AND {none_right}", [keys.scoring]
    )["n"]
    assert facets["outcome"]["none right"] == scores
    dropped = reader.one("SELECT count(DISTINCT problem_id) AS n FROM drops")["n"]
    assert sum(n for name, n in facets["selection"].items() if name.startswith("dropped: ")) == dropped


def test_filter_facets_and_order_work_together(pool: PoolIndex) -> None:
    view = pool.open_view("rate < 0.5", {"outcome": ["mixed"]}, "rate", True)
    rows = pool.page(view, 0, 500)
    assert 0 < len(rows) == len(view.rows) < pool.count
    assert {row["outcome"] for row in rows} == {"mixed"}
    rates = [row["rate"] for row in rows]
    assert rates == sorted(rates, reverse=True)
    assert max(rates) < 0.5


def test_a_facet_counts_what_the_other_filters_leave(pool: PoolIndex) -> None:
    view = pool.open_view("", {"outcome": ["mixed"]})
    counts = {value["value"]: value["count"] for value in view.facets["outcome"]}
    assert counts["mixed"] == len(view.rows)
    assert counts["none right"] > 0, "its own choice hides no value of a facet"
    assert sum(value["count"] for value in view.facets["source"]) == len(view.rows)


def test_a_page_anywhere_is_part_of_the_same_order(pool: PoolIndex) -> None:
    view = pool.open_view(sort="characters")
    whole = [row["id"] for offset in range(0, pool.count, 70) for row in pool.page(view, offset, 70)]
    assert [row["id"] for row in pool.page(view, 123, 7)] == whole[123:130]
    assert pool.page(view, pool.count + 5, 10) == []


@pytest.mark.parametrize(
    ("changes", "words"), [({"facets": {"colour": ["red"]}}, "no facet"), ({"sort": "colour"}, "cannot sort")]
)
def test_what_is_no_facet_or_order_is_refused(pool: PoolIndex, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        pool.open_view(**changes)


def test_the_address_answers_and_refuses_in_one_line(client: Any) -> None:
    told = client.get("pool", where="rate > 0.9", sort="rate", facets=json.dumps({"source": ["GSM8K"]}))
    assert {row["source"] for row in told["rows"]} == {"GSM8K"}
    assert client.get("rows", view=told["view"], version=told["version"], offset=0, count=5)["rows"] == told["rows"][:5]
    for query in (
        "where=nothing_here+%3E+1",
        "facets=[1]",
        "facets={",
        "count=-1",
        "count=1e9",
        "where=1)+UNION+SELECT+1+--",
    ):
        status, refused, _ = client.ask(f"/api/pool?{query}")
        assert status in (400, 503), query
        assert "\n" not in refused["error"]


def test_a_view_that_is_not_held_is_gone_and_not_empty(client: Any) -> None:
    told = client.get("pool")
    assert client.ask(f"/api/rows?view=none&version={told['version']}")[0] == 410
    assert client.ask(f"/api/rows?view={told['view']}&version=earlier")[0] == 410


def test_an_empty_pool_has_a_table_and_no_rows() -> None:
    empty = PoolIndex.empty()
    assert (empty.count, len(empty.open_view().rows), empty.page(empty.open_view(sort="rate"), 0, 5)) == (0, 0, [])
