"""The commands of docs/training_sets.md, from attempts to checkpoints by SFT and DPO, in a small size."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
SMALL = (
    "source=[{type='files', paths='package:recordings/tiny_problems.jsonl', limit=150, verifier='numeric'}]",
    "split.held_out=10",
    "score.n=4",
    "synthesize.settings.dart.attempts=4",
    "train.eval_samples=2",
    "dpo.rows_per_step=4",
)


def commands(page: Path) -> list[list[str]]:
    """Return the commands of the page's console blocks, in their order."""
    blocks = page.read_text(encoding="utf-8").split("```console\n")[1:]
    return [line.split() for block in blocks for line in block.partition("```")[0].splitlines()]


@pytest.mark.model
def test_the_page_s_commands_lead_to_checkpoints(
    assay: Run, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = request.config.rootpath
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # several threads slow a tiny model down tenfold
    fixed = ["--lake", tmp_path / "lake", *(word for change in SMALL for word in ("--set", change))]
    done = {}
    for words in commands(root / "docs" / "training_sets.md"):
        words = [str(root / word) if word.startswith("examples/") else word for word in words]
        words = [str(tmp_path / word) if word in ("pairs", "answers") else word for word in words]
        ran = assay(*words, *fixed, "--json")
        assert ran.returncode == 0, (words, ran.stderr)
        done[" ".join(word for word in words[:2])] = json.loads(ran.stdout)
    for kind in ("sft", "dpo"):
        trained = done[f"train {kind}"]
        assert len(trained["log"]) == trained["steps"] > 0
        assert Path(trained["checkpoint"], "model.safetensors").is_file()
    assert done["train dpo"]["method"] == "onpolicy_pairs"
    assert done["train eval"]["points"][0]["policy"] == "step 0"
    for folder in ("pairs", "answers"):
        assert (tmp_path / folder / "README.md").is_file()
        assert (tmp_path / folder / "data" / "train.parquet").is_file()
    plan = root / "examples" / "training_sets" / "tiny.toml"
    again = assay("train", "dpo", plan, *fixed)
    assert "nothing to do: this training is in the lake" in again.stdout
    refused = assay("train", "eval", plan, "--kind", "ppo", *fixed)
    assert refused.returncode == 2
    assert "--kind 'ppo' must be one of grpo, sft, dpo, kto" in refused.stderr
