"""Measurements that take long: each a process of its own, kept in a file, so that a stopped run goes on where it was."""

import json
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

LATER = 3  # exit status: the limit was reached, run again
Numbers = dict[str, float]


def measured(
    benchmark: str, scratch: Path, wanted: Iterable[Mapping[str, Any]], *, data: Path, limit_s: float
) -> dict[str, Numbers]:
    """Each piece's numbers by its name, from the book in scratch or from `python -m benchmarks.NAME --piece ...`."""
    book, began = scratch / f"{benchmark}.json", time.monotonic()
    kept: dict[str, Numbers] = json.loads(book.read_text()) if book.is_file() else {}
    for each in wanted:
        if name(each) in kept:
            continue
        if time.monotonic() - began > limit_s:
            print(
                f"stopped after {limit_s:g} s before {name(each)}; {len(kept)} measurements are kept", file=sys.stderr
            )
            sys.exit(LATER)
        command = [
            sys.executable,
            "-m",
            f"benchmarks.{benchmark}",
            "--data",
            str(data),
            "--scratch",
            str(scratch),
            "--piece",
            json.dumps(each),
        ]
        kept[name(each)] = json.loads(
            subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[-1]
        )
        print(name(each), kept[name(each)], file=sys.stderr, flush=True)
        book.write_text(json.dumps(kept, indent=1))
    return kept


def name(piece: Mapping[str, Any]) -> str:
    """Of one piece: its values by their keys.

    >>> name({"way": "ours", "n": 5})
    'way=ours n=5'
    """
    return " ".join(f"{key}={value}" for key, value in piece.items())


def resident_mib(field: str) -> float:
    """VmRSS (now) or VmHWM (the peak) of this process; `ru_maxrss` would begin with its parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) / 1024 for line in lines if line.startswith(field))
