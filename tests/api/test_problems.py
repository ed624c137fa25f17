"""A pool from Python: every kind of data gives the same problems, and what cannot be one says so."""

import json
from pathlib import Path
from typing import Any

import datasets
import pandas as pd
import pyarrow as pa
import pytest

import assay
from assay.core.errors import ConfigError

ROWS = [{"question": f"What is {a} + 2?", "answer": f"so #### {a + 2}", "level": a % 3} for a in range(7)]


def ids(pool: Any) -> list[str]:
    return sorted(pool.to_arrow()["problem_id"].to_pylist())


def test_every_kind_of_data_gives_the_same_problems(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    kinds = [
        ROWS,
        pa.Table.from_pylist(ROWS),
        pd.DataFrame(ROWS, index=range(5, 12)),
        datasets.Dataset.from_list(ROWS),
        datasets.Dataset.from_list([*ROWS, *ROWS]).select(range(7)),
        {name: [row[name] for row in ROWS] for name in ROWS[0]},
        path,
        [str(path)],
    ]
    pools = [assay.problems(data, answer_marker="####", metadata_fields=["level"]) for data in kinds]
    assert len({tuple(ids(pool)) for pool in pools}) == 1
    for pool in pools:
        assert [row["answer"] for row in pool.to_list()] == [str(a + 2) for a in range(7)]
        assert pool.to_pandas()["metadata"][1] == '{"level":1}'
        assert len(pool) == pool.to_dataset().num_rows == 7


def test_rows_without_a_problem_are_told_with_their_reason() -> None:
    pool = assay.problems([*ROWS, {"question": "And?", "answer": ""}, {"question": "no mark", "answer": "4"}])
    assert pool.dropped.to_pylist() == [
        {"reason": "answer_empty", "detail": "'answer|final_answer' holds ''", "file": "", "line": 8}
    ]
    assert repr(pool) == "Problems('problems': 8 problems, 1 rows dropped)"


def test_rows_from_memory_are_written_once_under_their_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first = assay.problems(ROWS).to_config()
    assert assay.problems(list(ROWS)).to_config() == first
    assert assay.problems(ROWS[1:]).to_config() != first
    assert len(list(Path(".assay/pools").iterdir())) == 2


def test_what_is_no_pool_says_what_is() -> None:
    with pytest.raises(ConfigError, match=r"int cannot be read as problems: pass a datasets\.Dataset"):
        assay.problems(3)
    splits = datasets.DatasetDict({"train": datasets.Dataset.from_list(ROWS)})
    with pytest.raises(ConfigError, match=r"choose one, such as data\['train'\]"):
        assay.problems(splits)
    with pytest.raises(ConfigError, match="has no setting 'anwser'"):
        assay.problems(ROWS, anwser="answer")
    with pytest.raises(ConfigError, match="cannot be stored as JSON"):
        assay.problems([{"question": "1?", "answer": object()}])


def test_a_column_alone_is_no_table_of_rows() -> None:
    with pytest.raises(ConfigError, match="Series is not a table of rows with named fields"):
        assay.problems(pd.Series(["What is 1 + 2?"]))
