"""Command lines: `curate`, `train`, and `assay`, which holds both.

`curate/` and `train/` hold one file per command; `runner` is what the commands share, `console` and `tables` what is
printed. To add a command, write its file and its line in `apps.py`.
"""

import os
import signal
import sys
from importlib import import_module

# OpenMP threads that spin while they wait take shared cores from each other: on two busy cores llama.cpp ran 5 to 9
# times and torch 2.4 to 5.7 times faster with this limit. A library reads it when it is loaded, so it is set first.
os.environ.setdefault("GOMP_SPINCOUNT", "2000")
os.environ.setdefault("TQDM_DISABLE", "1")  # libraries' own bars; ours are the reporter's

INTERRUPTED = 130  # exit code: 128 + SIGINT


def assay() -> None:
    """Run the console script `assay`, or `python -m assay`."""
    _run_app("assay")


def curate() -> None:
    """Run the console script `curate`."""
    _run_app("curate")


def train() -> None:
    """Run the console script `train`."""
    _run_app("train")


def _run_app(name: str) -> None:
    """Load the command lines and run one; an interrupt before anything has begun is an exit code and no traceback."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, _exit_interrupted)
    app = getattr(import_module("assay.cli.apps"), f"{name}_app")
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, before)
    try:
        app(prog_name=name)
    except KeyboardInterrupt:
        sys.stderr.write("stopped: interrupted\n")
        sys.exit(INTERRUPTED)


def _exit_interrupted(_number: int, _frame: object) -> None:
    os.write(2, b"stopped: interrupted before anything was begun\n")
    os._exit(INTERRUPTED)
