"""Synthesis from bundled recordings of real rollouts."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.api import NullReporter
from assay.core.config import parse_config
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.runner.synthesis import run_synthesis
from assay.stores.lake import Lake


def plan(lake: Path, *, n: int, **tables: Any) -> dict[str, Any]:
    """60 recorded problems of the tiny model, 12 of them held out."""
    source = {
        "part": "files",
        "paths": "package:recordings/tiny_problems.jsonl",
        "keep": ["digits", "task"],
        "verifier": "numeric",
        "limit": 60,
    }
    return {
        "name": "recorded",
        "lake": str(lake),
        "source": [source],
        "split": {"held_out": 12},
        "policy": {"engine": "replay", "path": "package:recordings/tiny.parquet", "max_tokens": 8},
        "score": {"n": n},
        **tables,
    }


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Scores the recording once per lake, runs a method and returns the context with the results."""
    opened: list[RunContext] = []

    def run(method: str, settings: dict[str, Any], *, n: int = 8, **tables: Any) -> tuple[RunContext, list[Any]]:
        tree = plan(tmp_path / "lake", n=n, synthesize={"settings": {method: settings}}, **tables)
        config = parse_config(tree)
        context = RunContext(config, Lake(config.lake), NullReporter())
        opened.append(context)
        run_stages(context, "score")
        before = context.meter.samples
        results = run_synthesis(context, method)
        context.meter.samples -= before
        return context, results

    yield run
    for context in opened:
        context.close()
        context.lake.close()
