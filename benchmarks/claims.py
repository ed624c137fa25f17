"""What every benchmark prints and writes: ours beside the peer's way, measured in the same run."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def hardware() -> str:
    """Cores, memory and interpreter of this machine, without its name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    return f"{os.cpu_count()} cores {platform.machine()}, {memory} GiB, Python {platform.python_version()}"


@dataclass(frozen=True, slots=True)
class Claim:
    """One row: a sentence, two numbers, their ratio, and the bar that it must pass."""

    claim: str
    ours: float
    peer: float
    ratio: float
    bar: str  # such as "<= 0.05" or ">= 3"
    holds: bool
    unit: str
    n: int | None = None  # size measured with --quick
    full_n: int | None = None  # size of the full run
    hardware: str = field(default_factory=hardware)


def publish(name: str, claims: Sequence[Claim]) -> None:
    """Prints the Markdown table and writes `results/NAME.json`."""
    columns = ("claim", "ours", "peer", "ratio", "bar", "holds", "unit")
    print("| " + " | ".join(columns) + " |")
    print("|" + "---|" * len(columns))
    for claim in claims:
        cells = (getattr(claim, column) for column in columns)
        print("| " + " | ".join(f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in cells) + " |")
    print(f"\n{hardware()}")
    RESULTS.mkdir(exist_ok=True)
    rows = [{key: value for key, value in asdict(claim).items() if value is not None} for claim in claims]
    (RESULTS / f"{name}.json").write_text(json.dumps(rows, indent=1) + "\n")
