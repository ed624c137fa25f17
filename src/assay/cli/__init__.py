"""Command lines: `curate`, `train`, and `assay`, which holds both."""

import os

# OpenMP threads that spin while they wait take shared cores from each other: on two busy cores llama.cpp ran 5 to 9 times and torch 2.4 to
# 5.7 times faster with this limit. It is read when the first of them is loaded, so it is set before anything else.
os.environ.setdefault("GOMP_SPINCOUNT", "2000")
os.environ.setdefault("TQDM_DISABLE", "1")  # libraries' own bars; ours are the narrator's


def assay() -> None:
    """Entry of the console script `assay` and of `python -m assay`."""
    from assay.cli.apps import assay_app

    assay_app(prog_name="assay")


def curate() -> None:
    """Entry of the console script `curate`."""
    from assay.cli.apps import curate_app

    curate_app(prog_name="curate")


def train() -> None:
    """Entry of the console script `train`."""
    from assay.cli.apps import train_app

    train_app(prog_name="train")
