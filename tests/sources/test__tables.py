import gzip
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.sources._bad_row import BadRow
from assay.sources._tables import UnpackLimits, file_kind, read_column_names, read_rows


def test_the_suffix_decides_and_gz_does_not_count():
    assert [file_kind(Path(name)) for name in ("a.json", "A.CSV.GZ", "a.b.parquet", "README")] == [
        ".json",
        ".csv",
        ".parquet",
        "",
    ]


def test_only_files_with_a_header_have_a_schema(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "a.jsonl").write_text('{"x": 1}\n')
    pq.write_table(pa.table({"x": [1], "y": [2]}), tmp_path / "a.parquet")
    assert [read_column_names(tmp_path / f"a.{kind}") for kind in ("csv", "parquet", "jsonl")] == [
        ["x", "y"],
        ["x", "y"],
        None,
    ]


def test_parquet_reads_only_the_columns_asked_for(tmp_path):
    pq.write_table(pa.table({"x": [1, 3], "y": [2, 4]}), tmp_path / "a.parquet")
    assert list(read_rows(tmp_path / "a.parquet", ["y"])) == [(1, {"y": 2}), (2, {"y": 4})]


def test_blank_lines_count_as_lines_but_are_no_rows(tmp_path):
    (tmp_path / "a.jsonl").write_text('\n{"x": 1}\n  \n{"x": 2}')
    assert list(read_rows(tmp_path / "a.jsonl", None)) == [(2, {"x": 1}), (4, {"x": 2})]


def test_elements_of_a_list_stand_where_they_begin(tmp_path):
    (tmp_path / "a.json").write_text('[{"x":\n1},\n\n{"x": 2}, {"x": 3}\n]')
    assert list(read_rows(tmp_path / "a.json", None)) == [(1, {"x": 1}), (4, {"x": 2}), (4, {"x": 3})]


PIECE = 1 << 16
BOMBS = {  # name: start, what is repeated, end
    "a.json.gz": (b'[{"x": 1}, {"x": "', b"y" * PIECE, b'"}]'),
    "many.json.gz": (b"[1", b",1" * (PIECE // 2), b"]"),
    "a.csv.gz": (b'x,y\n1,2\n"', b"y" * PIECE, b'",1\n'),
    "lines.csv.gz": (b'x,y\n1,2\n"', b"y\n" * (PIECE // 2), b'",1\n'),
    "cells.csv.gz": (b"x,y\n1,2\n", b"y," * (PIECE // 2), b"\n"),
    "a.tsv.gz": (b'x\ty\n1\t2\n"', b"y" * PIECE, b'"\t1\n'),
    "a.jsonl.gz": (b'{"x": 1}\n{"x": "', b"y" * PIECE, b'"}\n'),
    "deep.jsonl.gz": (b'{"x": 1}\n', b"[" * PIECE, b"\n"),
    "head.csv.gz": (b'"', b"y" * PIECE, b'",1\n'),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_that_unpacks_to_a_huge_row_is_a_drop_and_fills_no_memory(tmp_path, name):
    start, piece, end = BOMBS[name]
    with gzip.open(tmp_path / name, "wb", compresslevel=1) as file:
        file.write(start)
        for _ in range(192):  # 12 MiB
            file.write(piece)
        file.write(end)
    assert (tmp_path / name).stat().st_size < 1 << 20
    tracemalloc.start()
    rows = [row for _, row in read_rows(tmp_path / name, None, limits=UnpackLimits(row=1 << 17, json_list=1 << 17))]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 << 20
    assert isinstance(rows[-1], BadRow)
    assert rows[-1].reason in ("row_too_long", "file_too_large")
    assert "\n" not in rows[-1].detail


def test_a_list_that_is_not_compressed_has_the_size_that_its_owner_sees(tmp_path):
    (tmp_path / "a.json").write_text('[{"x": "as long as it is"}]')
    assert [row for _, row in read_rows(tmp_path / "a.json", None, limits=UnpackLimits(json_list=16))] == [
        {"x": "as long as it is"}
    ]


def test_rows_of_a_table_that_are_long_together_are_read(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n" + 'one,"two\nlines"\n' * 50)
    assert len(list(read_rows(tmp_path / "a.csv", None, limits=UnpackLimits(row=64)))) == 50


def test_a_json_file_may_hold_an_object_per_line_or_one_list_in_an_object(tmp_path):
    path = tmp_path / "train.json"
    path.write_text('{"prompt": "a"}\n\n{"prompt": "b"}\nbroken\n')
    first, second, third = read_rows(path, None)
    assert (first, second) == ((1, {"prompt": "a"}), (3, {"prompt": "b"}))
    assert third[0] == 4
    assert third[1].reason == "broken_json"
    path.write_text('{"version": "1",\n "data": [{"prompt": "a"}, {"prompt": "b"}]}')
    assert [row for _, row in read_rows(path, None)] == [{"prompt": "a"}, {"prompt": "b"}]
    path.write_text('{"prompt": "a", "answer": ["4"]}')
    assert [row for _, row in read_rows(path, None)] == [{"prompt": "a", "answer": ["4"]}]
    path.write_text('{"a": [{"x": 1}], "b": [{"x": 1}]}')
    assert [row.reason for _, row in read_rows(path, None)] == ["not_a_list"]


def test_a_line_without_an_end_is_skipped_in_pieces(tmp_path):
    row = b'{"x": 1}'
    (tmp_path / "a.jsonl").write_bytes(row + b"\n" + b"x" * 1000 + b"\n" + row + b"\n" + b"y" * 128)
    rows = list(read_rows(tmp_path / "a.jsonl", None, limits=UnpackLimits(row=64)))
    assert [number for number, _ in rows] == [1, 2, 3, 4]
    assert [row.reason for _, row in rows if isinstance(row, BadRow)] == ["row_too_long", "row_too_long"]
