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


def test_a_condition_that_never_ends_is_stopped_and_the_next_is_answered(table: PoolTable) -> None:
    begun = time.monotonic()
    with pytest.raises(ReadTimeout, match="stopped after 1 s"):
        table.match("(SELECT count(*) FROM range(100000000000) a, range(1000) b WHERE a.range + b.range > row) > 0")
    assert time.monotonic() - begun < 10
    assert table.match("rate = 0.5").tolist() == [3]


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
