"""A condition that anybody wrote selects rows of one table, and can do nothing else."""

import time

import pyarrow as pa
import pytest

from assay.core.errors import ConfigError, LakeError
from assay.stores.pool_table import MAX_CONDITION, PoolTable, condition_query
from assay.stores.reader import ReadTimeout

ROWS = pa.table({"id": ["a", "b", "c", "d"], "rate": [0.25, None, 0.75, 0.5]})
NO_CONDITION = [
    "true) UNION SELECT row FROM pool WHERE (true",
    "true) ORDER BY (row",
    "true) LIMIT (1",
    "true) GROUP BY (row",
    "true; DROP TABLE pool",
    "true); DELETE FROM pool WHERE (true",
    "true) --",
    "",
    "/* nothing */",
    "x = (",
]
REACHING_OUT = [
    "id IN (SELECT content FROM read_text('/etc/hostname'))",
    "EXISTS (SELECT 1 FROM read_csv('/etc/passwd'))",
    "EXISTS (SELECT 1 FROM glob('/*'))",
    "EXISTS (SELECT 1 FROM '/etc/passwd')",
    "getenv('HOME') = ''",
    "EXISTS (WITH x AS (COPY (SELECT 1) TO '/tmp/x.csv') SELECT 1)",
    "EXISTS (WITH x AS (DELETE FROM pool) SELECT 1)",
]

GROWING = [
    "length(repeat('x', 1000000000)) > 0 AND length(repeat('y', 1500000000)) > 1",
    "len(list_transform(range(100000000), lambda x: repeat('a', x))) > 0",
    "len([x for x in range(1000000000)]) > 0",
    "id = rpad('x', 2000000000, 'y')",
    "length(printf('%1000000000d', 1)) > 0",
    "rate IN (SELECT unnest(range(3000000000)))",
    "rate IN (WITH a AS (SELECT pool x, pool y FROM pool), b AS (SELECT a x, a y FROM a) SELECT 1 FROM b)",
    "rate IN (SELECT 1 FROM (SELECT b x, b y FROM pool b) c)",
    "rate IN (SELECT 1 FROM pool a, pool b)",
    "rate IN (WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t) SELECT x FROM t)",
    "rate IN (SELECT rate FROM pool GROUP BY CUBE (id, rate))",
    "rate::INTEGER[100000][100000] IS NULL",
    "EXISTS (SELECT 1 FROM range(100000000000))",
    "error(id) IS NULL",
    "COLUMNS(*) IS NULL",
    "(SELECT sum(rate) OVER (ORDER BY row) FROM pool LIMIT 1) > 0",
]


@pytest.fixture(scope="module")
def table() -> PoolTable:
    return PoolTable(ROWS, limit_s=1.0)


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("rate < 0.6", [0, 3]),
        ("rate IS NULL", [1]),
        ("true", [0, 1, 2, 3]),
        ("id ILIKE 'C' OR row = 0 -- a comment", [0, 2]),
        ("rate > (SELECT avg(rate) FROM pool)", [2]),
        ("id IN (SELECT id FROM pool b WHERE b.rate = pool.rate GROUP BY id HAVING count(*) = 1)", [0, 2, 3]),
        ("id ~ '[ab]' AND CASE WHEN rate IS NULL THEN true ELSE round(rate * 4)::INT = 1 END", [0, 1]),
        ("id NOT LIKE 'a!%' ESCAPE '!' AND coalesce(rate, 0) NOT BETWEEN 0.1 AND 0.6", [1, 2]),
    ],
)
def test_a_condition_selects_rows(table: PoolTable, condition: str, rows: list[int]) -> None:
    assert table.match(condition).tolist() == rows


@pytest.mark.parametrize("condition", NO_CONDITION)
def test_what_is_more_or_less_than_one_condition_is_refused(table: PoolTable, condition: str) -> None:
    with pytest.raises((ConfigError, LakeError)):
        table.match(condition)
    assert table.match("true").tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("condition", REACHING_OUT)
def test_a_condition_reaches_no_file_and_no_environment(table: PoolTable, condition: str) -> None:
    with pytest.raises((ConfigError, LakeError)):
        table.match(condition)


@pytest.mark.parametrize("condition", GROWING)
def test_a_condition_whose_values_grow_is_refused_before_it_is_planned(table: PoolTable, condition: str) -> None:
    """DuckDB folds constants while it plans, which nothing interrupts: the first of these took 40 s and 4 GB."""
    begun = time.monotonic()
    with pytest.raises(ConfigError, match="a condition may only compare columns"):
        table.match(condition)
    assert time.monotonic() - begun < 5


def test_a_condition_that_never_ends_is_stopped_and_the_next_is_answered() -> None:
    large = PoolTable(pa.table({"rate": [0.5] * 200_000}), limit_s=1.0)
    begun = time.monotonic()
    with pytest.raises(ReadTimeout, match="stopped after 1 s"):
        large.match("(SELECT count(*) FROM pool b WHERE b.rate * b.row + pool.row > sqrt(pool.row + b.row)) > 0")
    assert time.monotonic() - begun < 10
    assert large.match("row = 3").tolist() == [3]


def test_a_condition_is_limited_in_length() -> None:
    with pytest.raises(ConfigError, match="at most"):
        condition_query("x" * (MAX_CONDITION + 1))


@pytest.mark.parametrize(("descending", "rows"), [(False, [0, 3, 2, 1]), (True, [2, 3, 0, 1])])
def test_empty_values_come_last_in_either_order(table: PoolTable, descending: bool, rows: list[int]) -> None:
    assert table.order("rate", descending=descending).tolist() == rows


def test_rows_come_in_the_order_in_which_they_are_asked_for(table: PoolTable) -> None:
    assert [row["id"] for row in table.take([2, 0, 2], ["id"])] == ["c", "a", "c"]


def test_an_order_by_what_is_no_column_is_refused(table: PoolTable) -> None:
    with pytest.raises(ConfigError, match="no column"):
        table.order('rate" ; DROP TABLE pool; --')
