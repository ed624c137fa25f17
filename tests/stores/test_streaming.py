"""An answer in batches: other queries and commits may come between two of them."""

from pathlib import Path

import pytest

from assay.core.errors import ConfigError, LakeError
from assay.stores.lake import Lake


def labels(first: int, last: int) -> list[dict[str, str]]:
    return [
        {"id": f"{n:05}", "problem_id": f"p{n}", "answer": str(n), "verifier": "math", "origin": "gold"}
        for n in range(first, last)
    ]


def test_the_batches_together_are_the_answer_of_the_moment_at_which_it_was_asked(tmp_path: Path) -> None:
    with Lake(tmp_path / "lake") as lake:
        lake.append({"labels": labels(0, 5_000)})
        batches = lake.stream("SELECT id FROM labels WHERE answer <> ?", ["7"], rows=100)
        first = next(batches)
        lake.append({"labels": labels(5_000, 5_010)})
        assert lake.rows("SELECT count(*) AS n FROM labels") == [{"n": 5_010}]
        rest = list(batches)
        found = [id_ for batch in (first, *rest) for id_ in batch["id"].to_pylist()]
        assert sorted(found) == [f"{n:05}" for n in range(5_000) if n != 7]
        assert max(batch.num_rows for batch in (first, *rest)) == 100


def test_only_questions_are_streamed_and_a_fault_of_the_query_is_told(tmp_path: Path) -> None:
    with Lake(tmp_path / "lake") as lake:
        lake.append({"labels": labels(0, 3)})
        with pytest.raises(ConfigError):
            next(lake.stream("DELETE FROM labels"))
        with pytest.raises(LakeError, match="no_such_column"):
            next(lake.stream("SELECT no_such_column FROM labels"))
