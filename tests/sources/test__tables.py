from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from assay.sources._tables import kind_of, rows_of, schema_of


def test_the_suffix_decides_and_gz_does_not_count():
    assert [kind_of(Path(name)) for name in ("a.json", "A.CSV.GZ", "a.b.parquet", "README")] == [".json", ".csv", ".parquet", ""]


def test_only_files_with_a_header_have_a_schema(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "a.jsonl").write_text('{"x": 1}\n')
    pq.write_table(pa.table({"x": [1], "y": [2]}), tmp_path / "a.parquet")
    assert [schema_of(tmp_path / f"a.{kind}") for kind in ("csv", "parquet", "jsonl")] == [["x", "y"], ["x", "y"], None]


def test_parquet_reads_only_the_columns_asked_for(tmp_path):
    pq.write_table(pa.table({"x": [1, 3], "y": [2, 4]}), tmp_path / "a.parquet")
    assert list(rows_of(tmp_path / "a.parquet", ["y"])) == [(1, {"y": 2}), (2, {"y": 4})]


def test_blank_lines_count_as_lines_but_are_no_rows(tmp_path):
    (tmp_path / "a.jsonl").write_text('\n{"x": 1}\n  \n{"x": 2}')
    assert list(rows_of(tmp_path / "a.jsonl", None)) == [(2, {"x": 1}), (4, {"x": 2})]


def test_elements_of_a_list_stand_where_they_begin(tmp_path):
    (tmp_path / "a.json").write_text('[{"x":\n1},\n\n{"x": 2}, {"x": 3}\n]')
    assert list(rows_of(tmp_path / "a.json", None)) == [(1, {"x": 1}), (4, {"x": 2}), (4, {"x": 3})]
