"""Command lines: `curate`, `train`, and `assay`, which holds both."""


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
