"""What the row sources promise: every row is one problem or one drop with its place, and nothing crashes."""

import csv
import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.core.errors import ConfigError
from assay.core.types import Drop, Label, Problem
from assay.sources.files import Files
from assay.testing import check_source

GOOD = b'{"prompt": "1 + 1?", "answer": "2"}'
BAD_LINES = {  # what is wrong: (the line, the reason of its drop)
    "broken JSON": (b'{"prompt": "1 + 1?", "answer": ', "broken_json"),
    "a bare number": (b"7", "not_an_object"),
    "null": (b"null", "not_an_object"),
    "a list": (b'["1 + 1?", "2"]', "not_an_object"),
    "no prompt": (b'{"question": "1 + 1?", "answer": "2"}', "missing_field"),
    "no answer": (b'{"prompt": "1 + 1?"}', "missing_field"),
    "a null prompt": (b'{"prompt": null, "answer": "2"}', "prompt_not_text"),
    "a number as prompt": (b'{"prompt": 11, "answer": "2"}', "prompt_not_text"),
    "a chat turn without a role": (b'{"prompt": [{"content": "1 + 1?"}], "answer": "2"}', "bad_chat"),
    "a chat turn of parts": (b'{"prompt": [{"role": "user", "content": [1]}], "answer": "2"}', "bad_chat"),
    "a number as answer": (b'{"prompt": "1 + 1?", "answer": 2}', "answer_not_text"),
    "true as answer": (b'{"prompt": "1 + 1?", "answer": true}', "answer_not_text"),
    "a null answer": (b'{"prompt": "1 + 1?", "answer": null}', "answer_not_text"),
    "a list of objects as answer": (b'{"prompt": "1 + 1?", "answer": [{"a": "2"}]}', "answer_not_text"),
    "an empty answer": (b'{"prompt": "1 + 1?", "answer": " "}', "answer_empty"),
    "a prompt of 1 MB and one byte": (b'{"prompt": "' + b"x" * 1_000_001 + b'", "answer": "2"}', "prompt_too_long"),
    "a prompt of 10 MB": (b'{"prompt": "' + b"x" * 10_000_000 + b'", "answer": "2"}', "prompt_too_long"),
    "a NUL in the prompt": (b'{"prompt": "1 \\u0000 1?", "answer": "2"}', "nul_byte"),
    "a NUL in the answer": (b'{"prompt": "1 + 1?", "answer": "2\\u0000"}', "nul_byte"),
    "raw NUL bytes": (b'{"prompt": "1 \0 1?", "answer": "2"}', "broken_json"),
    "a lone surrogate": (b'{"prompt": "\\ud800", "answer": "2"}', "lone_surrogate"),
    "a lone surrogate as answer": (b'{"prompt": "1 + 1?", "answer": "\\udfff"}', "lone_surrogate"),
    "a byte that is not UTF-8": (b'{"prompt": "caf\xe9", "answer": "2"}', "not_utf8"),
    "a number of 10,000 digits": (b'{"prompt": ' + b"1" * 10_000 + b', "answer": "2"}', "broken_json"),
    "100,000 open brackets": (b"[" * 100_000, "broken_json"),
}


def read(path, **fields):
    return list(Files(paths=str(path), **fields).read())


def test_it_keeps_the_laws(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b"\n".join([GOOD, *(line for line, _ in list(BAD_LINES.values())[:15]), GOOD]))
    check_source(Files(paths=str(tmp_path / "a.jsonl")))


def drops(items):
    return [item for item in items if isinstance(item, Drop)]


@pytest.mark.parametrize(("line", "reason"), BAD_LINES.values(), ids=BAD_LINES)
def test_a_bad_line_is_one_drop_with_its_file_and_line_and_its_neighbours_stay(tmp_path, line, reason):
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b"\n".join([GOOD, line, GOOD]))
    items = read(path)
    assert [type(item) for item in items] == [tuple, Drop, tuple]
    (drop,) = drops(items)
    assert (drop.stage, drop.reason, drop.file, drop.line, drop.source) == ("ingest", reason, str(path), 2, "bad")
    assert drop.detail
    assert len(drop.detail) < 500
    drop.detail.encode()  # can be stored
    assert drop.id


def test_a_marker_that_is_absent_is_a_drop(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"prompt": "q", "answer": "so 5"}\n{"prompt": "q", "answer": "#### 4 #### 5 "}\n{"prompt": "q", "answer": "5 ####"}\n'
    )
    first, (_, label), third = read(path, answer_marker="####")
    assert (first.reason, first.line, label.answer, third.reason) == ("marker_absent", 1, "5", "answer_empty")


def test_a_kept_field_that_is_no_json_is_left_out_and_the_row_stays(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"prompt": "q", "answer": "5", "k": NaN}\n{"prompt": "q", "answer": "5", "k": "\\ud800"}\n{"prompt": "q", "answer": "5"}\n'
    )
    assert [problem.metadata for problem, _ in read(path, metadata_fields=("k",))] == ["{}"] * 3


def test_csv_rows_with_wrong_cells_open_quotes_or_bad_bytes_are_drops_at_their_lines(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b'prompt,answer\n"two\nlines",2\nonly one\n1,2,3\ncaf\xe9,4\n\nlast,5\n"open,6\nlost,7\n')
    items = read(path)
    assert [(drop.reason, drop.line) for drop in drops(items)] == [
        ("wrong_cells", 4),
        ("wrong_cells", 5),
        ("not_utf8", 6),
        ("broken_csv", 9),
    ]
    assert [label.answer for problem, label in (item for item in items if not isinstance(item, Drop))] == ["2", "5"]
    assert items[0][0].text == "two\nlines"


def test_a_list_that_breaks_off_keeps_what_came_before(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(
        '[\n  {"prompt": "q", "answer": "1"},\n  7,\n  {"prompt": "q", "answer": "2"},\n  {"prompt": "q", "ans'
    )
    items = read(path)
    assert [(drop.reason, drop.line) for drop in drops(items)] == [("not_an_object", 3), ("broken_json", 5)]
    assert len(items) == 4


@pytest.mark.parametrize("text", ['{"a": [{}], "b": [{}]}', "nonsense", "7"])
def test_a_json_file_that_holds_no_list_is_one_drop(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    assert [drop.reason for drop in read(path)] == ["not_a_list"]


def test_two_elements_without_a_comma_end_the_list_with_a_drop(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('[{"prompt": "q", "answer": "1"}\n\n{"prompt": "q", "answer": "2"}]')
    _, drop = read(path)
    assert (drop.reason, drop.line) == ("broken_json", 3)


def test_a_compressed_file_that_ends_early_says_so(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    whole = gzip.compress(
        b"\n".join(json.dumps({"prompt": f"{n} {hash(str(n))}", "answer": "1"}).encode() for n in range(3000))
    )
    path.write_bytes(whole[: len(whole) // 2])
    items = read(path)
    assert [drop.reason for drop in drops(items)] == ["broken_file"]
    assert 0 < len(items) - 1 < 3000
    assert drops(items)[0].line == len(items)


def test_parquet_cells_that_are_no_text_are_drops_at_their_rows(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"prompt": ["a", None, "c"], "answer": ["1", "2", None], "other": [1, 2, 3]}), path)
    items = read(path)
    assert [(drop.reason, drop.line) for drop in drops(items)] == [("prompt_not_text", 2), ("answer_not_text", 3)]


def test_parquet_bytes_that_are_not_utf8_are_a_drop(tmp_path):
    path = tmp_path / "a.parquet"
    raw = pa.array([b"fine", b"caf\xe9"], pa.binary())
    text = pa.Array.from_buffers(pa.utf8(), 2, raw.buffers())
    pq.write_table(pa.table({"prompt": text, "answer": ["1", "2"]}), path)
    assert [drop.reason for drop in drops(read(path))] == ["not_utf8"]


CELL = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9), st.lists(st.text(max_size=3), max_size=2)
)
ROW = st.one_of(CELL, st.dictionaries(st.sampled_from(["prompt", "answer", "k"]), CELL))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROW, max_size=8))
def test_rows_in_are_problems_and_drops(tmp_path, rows):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    items = read(path, metadata_fields=("k",))
    assert len(items) == len(rows)
    assert [drop.line for drop in drops(items)] == [
        line for line, item in enumerate(items, 1) if isinstance(item, Drop)
    ]
    check(items)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.one_of(st.binary(max_size=200), st.text(alphabet='{}[]",:\n\\ \x00pé1', max_size=60).map(str.encode)),
    kind=st.sampled_from(["jsonl", "json", "csv", "tsv", "parquet", "jsonl.gz", "csv.gz"]),
)
def test_no_bytes_crash_a_reader(tmp_path, body, kind):
    path = tmp_path / f"any.{kind}"
    path.write_bytes(b"prompt,answer\n" + body if kind == "csv" else body)
    try:
        check(read(path))
    except ConfigError as error:  # a schema that lacks the fields, or none at all
        message = str(error)
    else:
        return
    assert str(path) in message
    assert "\n" not in message


def check(items):
    for item in items:
        if isinstance(item, Drop):
            assert item.reason.isidentifier()
            assert item.line > 0
            assert item.id
        else:
            problem, label = item
            assert isinstance(problem, Problem)
            assert isinstance(label, Label)
            assert label.problem_id == problem.id
            assert label.answer.strip()


def test_reading_does_not_hold_the_file(tmp_path):
    import tracemalloc

    path = tmp_path / "long.csv"
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["prompt", "answer"])
        out.writerows([f"{n} " * 400, n] for n in range(2000))  # about 4 MB
    tracemalloc.start()
    assert sum(1 for _ in Files(paths=str(path)).read()) == 2000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert path.stat().st_size > 3_000_000
    assert peak < 1_000_000
