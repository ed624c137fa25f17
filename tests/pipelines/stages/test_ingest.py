"""What is ingested and what is refused there: the tests of code problems by their shape."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.core.types import Label
from assay.pipelines.runner.stages import run_stages
from assay.verifiers.code.verifier import Code

ROWS = [
    {"prompt": "a", "tests": [{"input": "1", "output": "1", "type": "stdin_stdout"}]},
    {"prompt": "b", "tests": [{"input": "1", "output": "1", "type": "interactive"}]},
    {"prompt": "c", "tests": []},
]


def code_job(context, path: Path, **changes):
    source = [{"type": "files", "paths": str(path), "answer": "tests", "verifier": "code"}]
    return context(source=source, grade={"allow_code": True, **changes})


def test_a_shape_that_is_not_known_is_a_drop_that_names_it(context, tmp_path):
    (tmp_path / "code.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    made = code_job(context, tmp_path / "code.jsonl")
    run_stages(made, "ingest")
    assert made.lake.rows("SELECT count(*) AS n FROM pool_members") == [{"n": 1}]
    drops = made.lake.rows("SELECT reason, detail, line FROM drops ORDER BY line")
    assert [(row["reason"], row["line"]) for row in drops] == [("unknown_label_format", 2), ("unknown_label_format", 3)]
    assert "type 'interactive'" in drops[0]["detail"]
    assert drops[1]["detail"] == "code: there are no tests"


def test_structs_of_a_parquet_file_are_labels_too(context, tmp_path):
    info = {
        "language": "python",
        "test_cases": [{"fn_name": None, "input": "1 2\n", "output": "3\n", "type": "stdin_stdout"}],
    }
    pq.write_table(pa.table({"prompt": ["a"], "tests": pa.array([info])}), tmp_path / "code.parquet")
    made = code_job(context, tmp_path / "code.parquet")
    run_stages(made, "ingest")
    (row,) = made.lake.rows("SELECT id, problem_id, answer, verifier, origin FROM labels")
    assert Code().reads(Label(**row))


@pytest.mark.parametrize("name", ["gone", "there"])
def test_tests_in_a_file_of_their_own_are_not_judged_by_ingest(context, tmp_path, name):
    label = f"{name}.json@sha256:{'0' * 64}"
    (tmp_path / "code.jsonl").write_text(json.dumps({"prompt": "a", "tests": label}) + "\n")
    made = code_job(context, tmp_path / "code.jsonl", settings={"code": {"tests": str(tmp_path)}})
    run_stages(made, "ingest")
    assert made.lake.rows("SELECT count(*) AS n FROM pool_members") == [{"n": 1}]
