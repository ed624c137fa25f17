"""The notebook opens a lake, asks it through our views and through plain DuckDB, and every cell has an answer."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from assay.api import order
from assay.core.config import parse_config

pytestmark = pytest.mark.skipif(  # not imported here: transformers takes a process that has marimo for a notebook
    importlib.util.find_spec("marimo") is None, reason="pip install 'assay-curation[dev]'"
)
NOTEBOOK = Path(__file__).resolve().parents[2] / "examples" / "notebook.py"


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    sums = tmp_path / "sums.jsonl"
    sums.write_text("".join(json.dumps({"prompt": f"What is {n} + 1?", "answer": str(n + 1)}) + "\n" for n in range(8)))
    config = {
        "lake": str(tmp_path / "lake"),
        "source": [{"type": "files", "paths": str(sums)}],
        "policy": {"truncated": "wrong", "model": "scripted", "engine": "scripted", "rule": "sum", "max_tokens": 16},
        "score": {"n": 4},
        "embed": {"encoder": "tfidf", "clusters": 2},
        "select": {"selector": "uniform", "budget": 3},
    }
    order(parse_config(config))
    return tmp_path / "lake"


def test_every_cell_answers_from_the_lake(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_LAKE", str(lake))
    monkeypatch.setattr(sys, "argv", ["notebook.py"])
    spec = importlib.util.spec_from_file_location("lake_notebook", NOTEBOOK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    outputs, defined = module.app.run()
    assert len(outputs) == 7
    assert all(output is not None for output in outputs)
    assert sum(row["problems"] for row in defined["shares"]) == 8
    assert [(row["problems"], row["attempts"]) for row in defined["difficulty"].to_pylist()] == [(8, 32)]
    assert defined["costs"].to_pylist()[0]["rollouts"] == 32
    assert len(defined["story"]["attempts"]) == 4
