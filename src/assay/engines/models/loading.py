"""Set how torch, llama.cpp and transformers are loaded: threads that sleep while they wait, no progress bars."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from assay.core.errors import require

SPINS = "2000"  # turns of a waiting thread's loop before it sleeps, well under a millisecond


def share_cores() -> None:
    """Make threads of libraries that are loaded later sleep soon when they wait, unless the environment says otherwise.

    GNU OpenMP's threads spin by default. On cores that are shared with other programs this made llama.cpp 5 to 9 times
    and torch 2 to 6 times slower. A library reads the variable once, when it is loaded.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)


@contextmanager
def hide_progress_bars() -> Iterator[None]:
    """Keep transformers from drawing progress bars inside the block."""
    logging = require("transformers.utils.logging", extra="train")
    was_enabled = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_enabled:
            logging.enable_progress_bar()
