"""The script for a GPU, run here on the CPU with the bundled model: only the speed is new there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("reasoning_gym")

from benchmarks.gpu_parts import spherical_kmeans  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


def run_all(work: Path, *options: str) -> str:
    environment = {
        **os.environ,
        "PYTHON": sys.executable,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
    }
    command = [str(ROOT / "benchmarks" / "gpu" / "all.sh"), str(work), "--cpu", "--tiny", *options]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=900, env=environment)
    return run.stdout + run.stderr


@pytest.mark.service
def test_parts_for_a_gpu_run_here_and_are_not_run_again(tmp_path: Path) -> None:
    output = run_all(tmp_path, "--only", "scoring,enough")
    scoring, enough = (json.loads((tmp_path / f"{part}.json").read_text()) for part in ("scoring", "enough"))
    assert scoring["device"] == "cpu", output
    assert scoring["rollouts"] == 16
    assert scoring["tokens_per_second"] > 0
    assert enough["before"]["rollouts"] >= 2 * 32  # every problem was tried twice at least, since few are mixed
    assert enough["points"][-1]["rollouts"] > enough["before"]["rollouts"]
    assert enough["steps"] >= 1
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.json")}
    assert "scoring: done already" in run_all(tmp_path, "--only", "scoring")
    assert before == {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.json")}


def test_kmeans_by_torch_finds_the_clusters_that_are_there() -> None:
    chance = torch.Generator().manual_seed(0)
    centres = torch.eye(8)[:4]
    rows = torch.nn.functional.normalize(
        centres.repeat_interleave(30, 0) + 0.05 * torch.randn(120, 8, generator=chance), dim=-1
    )
    assigned, similarity = spherical_kmeans(rows, 4, seed=3)
    assert similarity > 0.97
    assert [len(set(part.tolist())) for part in assigned.split(30)] == [1] * 4
    assert len(assigned.unique()) == 4


def test_weights_are_cut_into_pieces_that_join_to_the_same_bytes(tmp_path: Path) -> None:
    model = tmp_path / "m"
    model.mkdir()
    (model / "weights.gguf").write_bytes(bytes(range(256)) * 41)
    (model / "LICENSE").write_text("free")
    fake = tmp_path / "python"
    fake.write_text(f"#!/bin/sh\necho {model / 'weights.gguf'}\n")
    fake.chmod(0o755)
    script = [str(ROOT / "benchmarks" / "gpu" / "pack.sh"), str(tmp_path / "pieces")]
    subprocess.run(script, check=True, capture_output=True, timeout=60, env={**os.environ, "PYTHON": str(fake)})
    pieces = sorted((tmp_path / "pieces").glob("piece.*"))
    assert len(pieces) == 2
    assert b"".join(piece.read_bytes() for piece in pieces) == (model / "weights.gguf").read_bytes()
    assert (tmp_path / "pieces" / "name").read_text() == "m\n"
