"""Choose where TRL's trackers write: tensorboard's events lie beside the checkpoint, and outlive the resume states."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PROJECT = "assay"  # in wandb and trackio, whose own default is the library's name


@contextmanager
def configure_trackers(names: Sequence[str], output: Path) -> Iterator[None]:
    """Inside, a new trainer writes tensorboard's events to `output/tensorboard` and wandb's to `PROJECT`.

    A variable that the user has set keeps its value, and the environment is restored afterwards. wandb and trackio read
    their other settings themselves.

    Args:
        names: The trackers in use.
        output: The run's folder.
    """
    defaults = {
        "tensorboard": ("TENSORBOARD_LOGGING_DIR", str(output / "tensorboard")),
        "wandb": ("WANDB_PROJECT", PROJECT),
    }
    # The libraries read these while their callback is built, and not later.
    variables = dict(defaults[name] for name in names if name in defaults)
    missing = {variable: value for variable, value in variables.items() if variable not in os.environ}
    os.environ.update(missing)
    try:
        yield
    finally:
        for variable in missing:
            del os.environ[variable]
