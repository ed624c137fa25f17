"""What `make bench` runs: every benchmark that has a short form."""

import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
# What all others share, what tests hold verdicts to, and the parts of a script that needs a GPU.
WITHOUT = {"claims", "freeze_verdicts", "gpu_parts"}


def test_every_benchmark_has_a_short_form() -> None:
    files = sorted(FOLDER.glob("[a-z]*.py"))
    assert {file.stem for file in files if '"--quick"' not in file.read_text()} == WITHOUT


@pytest.mark.parametrize("name", sorted(WITHOUT))
def test_what_has_no_short_form_is_left_out(name: str) -> None:
    command = next(
        line for line in (FOLDER.parent / "Makefile").read_text().splitlines() if "benchmarks/[a-z]*.py" in line
    )
    listed = subprocess.run(
        ["sh", "-c", command.split("$$(")[1].split(")")[0]],
        cwd=FOLDER.parent,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert f"benchmarks/{name}.py" not in listed
    assert "benchmarks/clean.py" in listed
