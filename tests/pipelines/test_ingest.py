"""Odd golds and bad rows are told by name before anything is paid for."""

import json
from collections.abc import Callable
from pathlib import Path

from assay.pipelines.ingest import survey
from assay.pipelines.job import Job


def test_a_look_at_the_first_rows_counts_drops_and_odd_golds_by_name(job: Callable[..., Job], tmp_path: Path) -> None:
    rows = [{"prompt": f"How many of {n}?", "answer": answer} for n, answer in enumerate(["9 (apples)", "2m", "\x0crac{1}{2}", "7"])]
    (tmp_path / "odd.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = job(source=[{"part": "files", "paths": str(tmp_path / "odd.jsonl"), "name": "odd"}])
    ((name, seen, found),) = survey(made.plan)
    assert (name, seen) == ("odd", 4)
    assert found == {"gold_has_unit": 1, "gold_is_ambiguous": 1, "gold_control_character": 1}
