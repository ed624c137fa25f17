"""Where the library's own trackers write: tensorboard's events lie beside the checkpoint, and outlive the states."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PROJECT = "assay"  # in wandb and trackio, whose own default is the library's name


@contextmanager
def tracked(names: Sequence[str], output: Path) -> Iterator[None]:
    """A trainer that is made inside writes tensorboard's events to `output/tensorboard` and wandb's to `PROJECT`; afterwards the environment
    is as before.

    Whoever has set a variable keeps their own folder or project. wandb and trackio read their other settings themselves.
    """
    ours = {
        "tensorboard": ("TENSORBOARD_LOGGING_DIR", str(output / "tensorboard")),
        "wandb": ("WANDB_PROJECT", PROJECT),
    }
    wanted = dict(
        ours[name] for name in names if name in ours
    )  # read when the library's callback is made, and not later
    made = {variable: value for variable, value in wanted.items() if variable not in os.environ}
    os.environ.update(made)
    try:
        yield
    finally:
        for variable in made:
            del os.environ[variable]
