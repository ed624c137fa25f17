"""A hundred statements that would write, load, leave the lake or run what nobody asked for: none does, and what only reads still answers."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from assay.core.errors import ConfigError, LakeError
from assay.stores.lake import Lake
from assay.stores.sql import landlock, views
from assay.stores.sql.definitions import macros
from assay.stores.sql.select_guard import require_reading_plan, require_select

WRITING_SELECTS = [
    "WITH x AS (COPY (SELECT '{{}}' AS a) TO '{lake}/lake.json' (FORMAT csv, HEADER false)) SELECT * FROM x",
    "WITH x AS (COPY (SELECT * FROM read_parquet('{data}')) TO '{data}' (FORMAT parquet)) SELECT * FROM x",
    "WITH x AS (COPY (SELECT 1) TO '{lake}/manifest/99999999999999999999-ffffffff.json') SELECT * FROM x",
    "WITH x AS (COPY (SELECT 1) TO '{lake}/derived/intervals.parquet' (FORMAT parquet)) FROM x",
    "WITH x AS (COPY labels TO '{lake}/x.csv') SELECT 1",
    "WITH x AS (COPY (SELECT 1) TO '{outside}/x.csv') SELECT * FROM x",
    "WITH x AS (COPY (SELECT 1 AS a) TO '{lake}/parts' (FORMAT parquet, PARTITION_BY (a))) FROM x",
    "WITH x AS MATERIALIZED (COPY (SELECT 1) TO '{lake}/y.json' (FORMAT json)) SELECT * FROM x",
    "WITH x AS NOT MATERIALIZED (COPY (SELECT 1) TO '{lake}/y.json') SELECT * FROM x",
    "WITH a AS (SELECT 1), x AS (COPY (FROM a) TO '{lake}/y.csv') SELECT * FROM a, x",
    "SELECT * FROM (WITH x AS (COPY (SELECT 1) TO '{lake}/y.csv') SELECT * FROM x)",
    "SELECT (WITH x AS (COPY (SELECT 1) TO '{lake}/y.csv') SELECT count(*) FROM x)",
    "SELECT 1 WHERE EXISTS (WITH x AS (COPY (SELECT 1) TO '{lake}/y.csv') SELECT * FROM x)",
    "SELECT 1 UNION ALL (WITH x AS (COPY (SELECT 1) TO '{lake}/y.csv') SELECT * FROM x)",
    "SELECT * FROM labels JOIN (WITH x AS (COPY (SELECT 1) TO '{lake}/y.csv') FROM x) y ON true",
    "FROM query('WITH x AS (COPY (SELECT 1) TO ''{lake}/y.csv'') SELECT * FROM x')",
    "SUMMARIZE (WITH x AS (COPY (SELECT 1) TO '{lake}/y.csv') SELECT * FROM x)",
    "DESCRIBE (WITH x AS (COPY (SELECT 1) TO '{lake}/y.csv') SELECT * FROM x)",
    "wItH x As (cOpY (SELECT 1) tO '{lake}/y.csv') SELECT * FROM x",
    "WITH/**/x AS/* SELECT */(COPY (SELECT 1) TO '{lake}/y.csv')--\nSELECT * FROM x",
    "WITH x AS (DELETE FROM intervals RETURNING *) SELECT * FROM x",
    "WITH x AS (INSERT INTO intervals VALUES ('a', 1, 1, 0, 1) RETURNING *) SELECT * FROM x",
    "WITH x AS (UPDATE intervals SET low = 0 RETURNING *) SELECT count(*) FROM x",
    "SELECT * FROM labels WHERE EXISTS (WITH x AS (DELETE FROM intervals RETURNING *) SELECT * FROM x)",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL (WITH x AS (COPY (SELECT 1) TO '{lake}/y.csv') SELECT n + 1 FROM t WHERE n < 3)) FROM t",
    "WITH RECURSIVE t(n) USING KEY (n) AS (SELECT 1 UNION (WITH x AS (COPY labels TO '{lake}/y.csv') FROM x)) FROM t",
    "SELECT list_transform([1], lambda y: (WITH x AS (COPY labels TO '{lake}/y.csv') SELECT 1 FROM x))",
    "SELECT count(*) OVER (ORDER BY (WITH x AS (COPY labels TO '{lake}/y.csv') SELECT 1 FROM x)) FROM labels",
    "SELECT 1 LIMIT (WITH x AS (COPY labels TO '{lake}/y.csv') SELECT count(*) FROM x)",
    "SELECT 1 ORDER BY (WITH x AS (COPY labels TO '{lake}/y.csv') SELECT count(*) FROM x)",
    "SELECT 1 GROUP BY (WITH x AS (COPY labels TO '{lake}/y.csv') SELECT count(*) FROM x)",
    "SELECT * FROM (VALUES (1)) t(a) WHERE a IN (WITH x AS (COPY labels TO '{lake}/y.csv') SELECT 1 FROM x)",
    "VALUES ((WITH x AS (COPY labels TO '{lake}/y.csv') SELECT count(*) FROM x))",
    "FROM range((WITH x AS (COPY labels TO '{lake}/y.csv') SELECT count(*) FROM x))",
    "FROM labels PIVOT (count(*) FOR answer IN (WITH x AS (COPY labels TO '{lake}/y.csv') SELECT 1 FROM x))",
    "WITH x AS (MERGE INTO intervals USING intervals i ON true WHEN MATCHED THEN DELETE RETURNING *) FROM x",
    "WITH x AS (COPY labels FROM '{lake}/lake.json') FROM x",
    "WITH x AS (CREATE TABLE y AS SELECT 1) FROM x",
    "WITH x AS (ATTACH '{lake}/x.db') FROM x",
    "WITH x AS (SET threads = 1) FROM x",
    "WITH x AS (INSTALL httpfs) FROM x",
    "FROM query($$WITH x AS (COPY labels TO '{lake}/y.csv') FROM x$$)",
    "FROM query(E'WITH x AS (C\\x4fPY labels TO ''{lake}/y.csv'') FROM x')",
    "FROM query(chr(67) || 'OPY labels TO ''{lake}/y.csv''')",
    "FROM query('SELECT 1; COPY labels TO ''{lake}/y.csv''')",
    "FROM query(query := 'COPY labels TO ''{lake}/y.csv''')",
]
OTHER_STATEMENTS = [
    "COPY labels TO '{lake}/x.csv'",
    "COPY (SELECT 1) TO '{data}'",
    "COPY labels FROM '{lake}/lake.json'",
    "COPY FROM DATABASE memory TO memory",
    "EXPORT DATABASE '{lake}/x'",
    "IMPORT DATABASE '{lake}/x'",
    "ATTACH '{lake}/x.db'",
    "ATTACH '{lake}/assay.duckdb' AS other",
    "ATTACH 'https://127.0.0.1/x.db'",
    "DETACH memory",
    "INSERT INTO intervals VALUES ('a', 1, 1, 0, 1)",
    "UPDATE intervals SET low = 0",
    "DELETE FROM intervals",
    "TRUNCATE intervals",
    "MERGE INTO intervals USING intervals i ON true WHEN MATCHED THEN DELETE",
    "CREATE TABLE x AS SELECT 1",
    "CREATE OR REPLACE TEMP VIEW labels AS SELECT 1",
    "CREATE MACRO signal(a) AS 1",
    "CREATE SCHEMA x",
    "CREATE SECRET x (TYPE s3)",
    "CREATE TYPE x AS ENUM ('a')",
    "CREATE SEQUENCE x",
    "CREATE INDEX x ON intervals (low)",
    "DROP VIEW labels",
    "DROP TABLE intervals",
    "ALTER TABLE intervals ADD COLUMN x INT",
    "ALTER VIEW labels RENAME TO x",
    "SET threads = 1",
    "SET temp_directory = '{outside}'",
    "SET allowed_directories = ['/']",
    "RESET lock_configuration",
    "SET VARIABLE labels_0 = ['{secret}']",
    "PRAGMA database_list",
    "PRAGMA enable_profiling = 'json'",
    "PRAGMA profiling_output = '{lake}/x'",
    "CALL pragma_version()",
    "CALL enable_logging(storage := 'file', storage_config := {{'path': '{lake}/log'}})",
    "INSTALL httpfs",
    "LOAD httpfs",
    "FORCE INSTALL httpfs FROM 'http://127.0.0.1'",
    "UPDATE EXTENSIONS",
    "CHECKPOINT",
    "FORCE CHECKPOINT",
    "VACUUM",
    "ANALYZE",
    "BEGIN",
    "COMMIT",
    "USE memory",
    "PREPARE x AS SELECT 1",
    "EXECUTE x",
    "EXPLAIN SELECT 1",
    "EXPLAIN ANALYZE COPY labels TO '{lake}/x.csv'",
    "EXPLAIN ANALYZE WITH x AS (COPY (SELECT 1) TO '{lake}/y.csv') SELECT * FROM x",
    "SELECT 1; SELECT 2",
    "SELECT 1; COPY labels TO '{lake}/x.csv'",
    "WITH x AS (SELECT 1) INSERT INTO intervals SELECT * FROM x",
    "selct 1",
    "",
    " -- nothing",
    ";",
]
SIDE_EFFECTS = [
    "SELECT * FROM checkpoint()",
    "SELECT * FROM force_checkpoint()",
    "SELECT * FROM enable_logging('QueryLog')",
    "SELECT * FROM main.enable_profiling()",
    "SELECT * FROM truncate_duckdb_logs()",
    "SELECT write_log('x')",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "SELECT * FROM arrow_scan(1::POINTER, 2::POINTER, 3::POINTER)",
    "SELECT * FROM pandas_scan(5::POINTER)",
    "SELECT * FROM add_parquet_key('k', '0123456789112345')",
    "SELECT * FROM copy_database('a', 'b')",
    "SELECT * FROM import_database('{lake}')",
    "FROM read_csv('{lake}/bad.csv', store_rejects = true, rejects_table = 'lab' || 'els', rejects_scan = 'x')",
    "FROM read_csv_auto('{lake}/bad.csv', Store_Rejects := true)",
    "SELECT (SELECT count(*) FROM read_csv('{lake}/bad.csv', rejects_scan => 'labels', columns => {{'a': 'INT'}}))",
    "FROM query('FROM read_csv(''{lake}/bad.csv'', \"rejects_table\" = ''y'', store_rejects = true)')",
    "FROM query('COPY labels TO ''{lake}/x.csv''')",
    "FROM query('WITH x AS (DELETE FROM inter' || 'vals RETURNING *) FROM x')",
    "FROM query(replace('xelect 1', 'x', 's'))",
]
OUTSIDE = [
    "SELECT * FROM read_text('{secret}')",
    "SELECT * FROM read_blob('{secret}')",
    "SELECT * FROM read_csv('{secret}')",
    "SELECT * FROM sniff_csv('{secret}')",
    "SELECT * FROM read_json('{secret}')",
    "SELECT * FROM read_parquet('{secret}')",
    "SELECT * FROM glob('{outside}/*')",
    "SELECT * FROM '{secret}'",
    "SELECT * FROM read_text('{lake}/../outside/secret.txt')",
    "SELECT * FROM read_text('{lake}/link')",
    "SELECT * FROM read_text('file://{secret}')",
    "SELECT * FROM read_text('http://127.0.0.1:9/x')",
    "SELECT * FROM parquet_metadata('{secret}')",
    "SELECT * FROM query('FROM read_text(''{secret}'')')",
    "FROM read_text(['{lake}/lake.json', '{secret}'])",
    "FROM read_text('{lake}/*/../../outside/*')",
    "FROM read_text('{lake}' || '/../outside/secret.txt')",
    "SELECT (SELECT content FROM read_text('{secret}'))",
    "FROM read_parquet('{data}', filename = 'x') UNION ALL BY NAME FROM read_text('{secret}')",
    "FROM query_table('{secret}')",
    "FROM read_blob('/proc/self/environ')",
    "FROM read_csv('/dev/stdin')",
    "SELECT system.main.getenv('HOME')",
    "SELECT getenv('HOME')",
]
READING = [
    "SHOW TABLES",
    "SHOW ALL TABLES",
    "DESCRIBE labels",
    "DESCRIBE SELECT * FROM labels",
    "SUMMARIZE labels",
    "FROM labels",
    "TABLE labels",
    "VALUES (1), (2)",
    "(SELECT 1)",
    "SELECT 1;",
    "UNPIVOT labels ON answer INTO NAME n VALUE v",
    "FROM labels PIVOT (count(*) FOR answer IN ('4'))",
    "SELECT list_transform([1, 2], lambda x: x + 1), [x * 2 FOR x IN [1]], {{'a': 1}}.a, unnest([1])",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3) SELECT * FROM t",
    "WITH a AS MATERIALIZED (SELECT 1 AS n), b AS (FROM a) SELECT *, sum(n) OVER (ORDER BY n) FROM b QUALIFY row_number() OVER () = 1",
    "SELECT * EXCLUDE (run) FROM labels ASOF JOIN labels l USING (id) USING SAMPLE 100%",
    "SELECT count(*) FILTER (answer = '4') FROM labels GROUP BY ALL ORDER BY ALL LIMIT 1",
    "SELECT signal(1, 1, 8), * FROM fresh(50, .98)",
    "SELECT * FROM query('FROM labels'), query_table('labels'), range(3)",
    "SELECT name FROM duckdb_settings() WHERE name = 'threads'",
    "SELECT * FROM pragma_table_info('labels')",
    "SELECT * FROM information_schema.tables",
    "SELECT content FROM read_text('{lake}/lake.json')",
    "SELECT count(*) FROM read_parquet('{data}')",
    "SELECT 'COPY (SELECT 1) TO ''x''' AS text",
]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lake, dict[str, str]]]:
    """A lake, and a folder beside it that holds a secret."""
    folder = tmp_path_factory.mktemp("guard")
    (folder / "outside").mkdir()
    (folder / "outside" / "secret.txt").write_text("hush-hush")
    with Lake(folder / "lake") as lake:
        lake.append({"labels": [{"id": "a", "problem_id": "a", "answer": "4", "verifier": "math", "origin": "gold"}]})
        lake.catalogue()
        (lake.root / "bad.csv").write_text("1\nboom\n")
        (lake.root / "link").symlink_to(folder / "outside" / "secret.txt")
        names = {
            "lake": lake.root,
            "outside": folder / "outside",
            "secret": folder / "outside" / "secret.txt",
            "data": lake.files()["labels"][0],
        }
        yield lake, {name: str(value) for name, value in names.items()}


def state(lake: Lake) -> dict[str, str]:
    folder = lake.root.parent
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def told(lake: Lake, query: str) -> str:
    """The error's kind and text, or the answer."""
    try:
        return str(lake.ask(query).to_pylist())
    except (LakeError, ConfigError) as error:
        return f"{'ConfigError' if isinstance(error, ConfigError) else 'LakeError'}: {error}"


def test_a_hundred_statements_write_nothing_and_tell_no_secret(places: tuple[Lake, dict[str, str]]) -> None:
    lake, names = places
    before = state(lake)
    statements = [*WRITING_SELECTS, *OTHER_STATEMENTS, *SIDE_EFFECTS, *OUTSIDE]
    assert len(statements) >= 100
    for statement in statements:
        answer = told(lake, statement.format(**names))
        assert answer.startswith(("LakeError", "ConfigError") if statement in OUTSIDE else "ConfigError"), statement
        assert "hush" not in answer
        assert "\n" not in answer
    assert state(lake) == before
    assert lake.ask("SELECT count(*) AS n FROM labels").to_pylist() == [{"n": 1}]


@pytest.mark.parametrize("query", READING)
def test_a_query_that_only_reads_is_answered(places: tuple[Lake, dict[str, str]], query: str) -> None:
    lake, names = places
    assert lake.ask(query.format(**names)).num_columns > 0


def test_a_query_from_python_is_held_to_the_same_rule(places: tuple[Lake, dict[str, str]]) -> None:
    lake, names = places
    before = state(lake)
    for statement in [*WRITING_SELECTS, *OTHER_STATEMENTS[:4], *SIDE_EFFECTS]:
        with pytest.raises(ConfigError, match=r"one SELECT|not SQL"):
            lake.query(statement.format(**names))
    assert state(lake) == before
    assert lake.rows("SELECT $1 AS a", ["x"]) == [{"a": "x"}]
    assert lake.rows("SELECT count(*) AS n FROM labels") == [{"n": 1}]  # no table of that name stands before the lake's


@pytest.mark.parametrize(
    "query",
    [
        "FROM 's3://bucket/x.parquet'",
        "FROM read_csv('https://127.0.0.1:9/x.csv')",
        "FROM 'x.xlsx'",
        "FROM sqlite_scan('x', 'y')",
    ],
)
def test_a_query_from_python_installs_no_extension(places: tuple[Lake, dict[str, str]], query: str) -> None:
    with pytest.raises((LakeError, ConfigError)) as caught:
        places[0].query(query)
    assert "download" not in str(caught.value)
    assert "automatically" not in str(caught.value)
    settings = "SELECT name, value FROM duckdb_settings() WHERE name LIKE 'auto%_known_extensions'"
    assert {row["value"] for row in [*places[0].rows(settings), *places[0].ask(settings).to_pylist()]} == {"false"}


@pytest.mark.skipif(not landlock.available(), reason="this kernel has no Landlock")
def test_a_connection_that_no_guard_stands_before_still_cannot_write(
    places: tuple[Lake, dict[str, str]], tmp_path: Path
) -> None:
    lake, names = places
    before = state(lake)
    for statement in WRITING_SELECTS[:6]:
        with pytest.raises(LakeError, match=r"Permission denied|disabled by configuration"):
            lake._locked(statement.format(**names), str(tmp_path), whole=False)
    assert state(lake) == before


def test_a_plan_that_writes_is_refused_where_the_kernel_cannot_hold_it_back(
    places: tuple[Lake, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, names = places
    before = state(lake)
    monkeypatch.setattr(landlock, "available", lambda: 0)
    for statement in (*WRITING_SELECTS[:5], *WRITING_SELECTS[20:23]):
        with pytest.raises(ConfigError, match="writes nothing is allowed, found"):
            lake._locked(statement.format(**names), names["outside"], whole=False)
    assert state(lake) == before
    assert lake.ask("SELECT count(*) AS n FROM labels JOIN pass_rates ON true").num_rows == 1
    assert lake.ask("SHOW TABLES").num_rows > 9


def test_a_query_that_needs_more_than_its_memory_spills_into_its_own_folder(tmp_path: Path) -> None:
    spill = tmp_path / "spill"
    spill.mkdir()

    def sort() -> int:
        with views.connect() as connection:
            connection.execute("SET memory_limit = '40MB'")
            connection.execute("SET threads = 2")
            views.lock(connection, tmp_path, str(spill))
            query = "SELECT count(*) FROM (SELECT i, hash(i)::VARCHAR || repeat('x', 50) AS x FROM range(600000) t(i) ORDER BY x OFFSET 1)"
            require_select(query)
            require_reading_plan(connection, query)
            count = connection.execute(query).fetchall()[0][0]
            written = connection.execute("SELECT sum(size) FROM duckdb_temporary_files()").fetchall()
            assert list(spill.iterdir()) or written
            return int(count)

    assert landlock.run_confined(sort, writable=str(spill)) == 599_999


def test_a_tree_too_deep_to_walk_by_calls_is_refused_or_answered_but_never_a_traceback(
    places: tuple[Lake, dict[str, str]],
) -> None:
    lake, _ = places
    deep = "SELECT * FROM (" * 300 + "SELECT 1" + ")" * 300
    for query in (deep, "SELECT " + "-(" * 900 + "1" + ")" * 900, "SELECT " + "(" * 5_000 + "1" + ")" * 5_000):
        assert "\n" not in told(lake, query)


def test_the_parser_is_usable_by_many_threads() -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(require_select, [f"SELECT {number}" for number in range(50)])) == [None] * 50
    assert duckdb.sql("SELECT 1").fetchall() == [(1,)]


def test_every_table_macro_of_the_lake_may_be_asked() -> None:
    for name, macro in macros().items():
        if " AS TABLE" in macro.body:
            require_select(f"SELECT * FROM {name}('strict')")
