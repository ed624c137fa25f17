"""Command lines: `curate`, `train`, and `assay`, which holds both."""

import os
import signal
import sys
from importlib import import_module

# OpenMP threads that spin while they wait take shared cores from each other: on two busy cores llama.cpp ran 5 to 9 times and torch 2.4 to
# 5.7 times faster with this limit. It is read when the first of them is loaded, so it is set before anything else.
os.environ.setdefault("GOMP_SPINCOUNT", "2000")
os.environ.setdefault("TQDM_DISABLE", "1")  # libraries' own bars; ours are the reporter's

INTERRUPTED = 130  # exit code: 128 + SIGINT


def assay() -> None:
    """Entry of the console script `assay` and of `python -m assay`."""
    _enter("assay")


def curate() -> None:
    """Entry of the console script `curate`."""
    _enter("curate")


def train() -> None:
    """Entry of the console script `train`."""
    _enter("train")


def _enter(name: str) -> None:
    """Loads the command lines and runs one. Who interrupts before anything has begun gets an exit code and no traceback."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupted)
    app = getattr(import_module("assay.cli.apps"), f"{name}_app")
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, before)
    try:
        app(prog_name=name)
    except KeyboardInterrupt:
        sys.stderr.write("stopped: interrupted\n")
        sys.exit(INTERRUPTED)


def _interrupted(_number: int, _frame: object) -> None:
    os.write(2, b"stopped: interrupted before anything was begun\n")
    os._exit(INTERRUPTED)
