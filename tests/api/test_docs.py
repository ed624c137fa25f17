"""Every Python block of docs/python.md runs as it stands, in order; README's is run with the real model."""

import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def run_blocks(page: str) -> dict[str, Any]:
    blocks = BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    assert blocks
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, page, "exec"), names)
    return names


@pytest.mark.model
def test_the_page_about_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = run_blocks("docs/python.md")
    assert len(names["chosen"]) == 2
    assert names["scores"]["level"].to_pylist().count(1) == 2


@pytest.mark.model
def test_the_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = BLOCK.findall(text)[0].replace('"package:gsm8k_300.jsonl", ', '"package:gsm8k_300.jsonl", limit=2, ')
    block = block.replace("attempts=4, ", "attempts=2, ")  # 8 attempts of up to 256 tokens took two minutes in CI
    names: dict[str, Any] = {}
    exec(compile(block, "README.md", "exec"), names)
    assert 0 < len(names["chosen"]) <= 2
