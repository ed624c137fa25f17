"""Held-out problems: as many as asked for, also where two plans draw from one lake at the same moment."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from assay.api import NullReporter
from assay.core.config import parse_config
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import read_cleaned_problems
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.stages import split
from assay.stores.lake import Lake

HELD_OUT = 20


def draw(folder: Path, name: str, first: int, last: int) -> dict[str, str]:
    """Sides by problem of a plan over the sums from `first` to `last`, as the lake shows them once all have ended."""
    source = folder / f"{name}.jsonl"
    source.write_text(
        "".join(json.dumps({"prompt": f"What is {n} + {n}?", "answer": str(2 * n)}) + "\n" for n in range(first, last))
    )
    config = parse_config(
        {
            "name": name,
            "lake": str(folder / "lake"),
            "source": [{"type": "files", "paths": str(source)}],
            "split": {"held_out": HELD_OUT},
            "policy": {"model": "scripted", "engine": "scripted", "rule": "sum", "max_tokens": 16},
        }
    )
    with Lake(config.lake) as lake, RunContext(config, lake, NullReporter(), command="curate split") as context:
        inputs = run_stages(context, upto="split")
        return dict.fromkeys(read_cleaned_problems(context, inputs)[0], name)


def held(lake: Lake, ids: dict[str, str]) -> int:
    return sum(
        row["side"] == "held_out"
        for row in lake.rows("SELECT problem_id, side FROM splits")
        if row["problem_id"] in ids
    )


def test_two_plans_that_draw_at_the_same_moment_both_hold_out_what_they_ask_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, together = split.hash_duplicates, threading.Barrier(2)

    def grouped(*pool: Any) -> Any:  # called when the stored sides have been read: both would go on from the same ones
        with suppress(threading.BrokenBarrierError):
            together.wait(timeout=1)
        return plain(*pool)

    monkeypatch.setattr(split, "hash_duplicates", grouped)
    monkeypatch.setattr("assay.pipelines.sampling.shards.LOOK_S", 0.05)
    with ThreadPoolExecutor(2) as plans:
        pools = [
            each.result()
            for each in (plans.submit(draw, tmp_path, "one", 0, 60), plans.submit(draw, tmp_path, "two", 30, 110))
        ]
    with Lake(tmp_path / "lake") as lake:
        assert [held(lake, pool) for pool in pools] == [HELD_OUT, HELD_OUT]
        sides = lake.rows("SELECT problem_id, count(DISTINCT side) AS n FROM splits GROUP BY ALL HAVING n > 1")
    assert sides == []
