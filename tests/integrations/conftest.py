"""An export for another trainer under an adaptive curriculum."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.api import NullReporter
from assay.core.config import parse_config
from assay.pipelines.analysis.export import export
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.stores.lake import Lake


@pytest.fixture(scope="session")
def export_sums() -> Callable[[Path, str, int], Path]:
    """Exports so many sums for a trainer, and returns the folder of the data."""

    def export_to(folder: Path, trainer: str, problems: int) -> Path:
        rows = [{"prompt": f"{n}+1=", "answer": str(n + 1)} for n in range(problems)]
        (folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        config = parse_config(
            {
                "lake": str(folder / "lake"),
                "source": [{"type": "files", "paths": str(folder / "sums.jsonl")}],
                "policy": {"model": "scripted", "engine": "scripted", "rule": "sum"},
                "score": {"n": 2},
                "embed": {"encoder": "tfidf", "clusters": 2},
                "select": {"selector": "uniform", "budget": problems},
                "order": {"curriculum": "posterior"},
            }
        )
        with Lake(config.lake) as lake, RunContext(config, lake, NullReporter()) as context:
            run_stages(context)
            export(context, trainer, folder / "out")
            context.judge.close()
        return folder / "out"

    return export_to
