"""Where the library's own trackers write: tensorboard's events lie beside the checkpoint, and outlive the states."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

TENSORBOARD = "TENSORBOARD_LOGGING_DIR"  # what the library's callback reads when it is made, and nothing later


@contextmanager
def tracked(names: Sequence[str], output: Path) -> Iterator[None]:
    """A trainer that is made inside writes tensorboard's events to `output/tensorboard`; afterwards the environment is as before.

    Whoever has set the variable keeps their own folder. wandb and trackio read their own settings.
    """
    if "tensorboard" not in names or TENSORBOARD in os.environ:
        yield
        return
    os.environ[TENSORBOARD] = str(output / "tensorboard")
    try:
        yield
    finally:
        del os.environ[TENSORBOARD]
