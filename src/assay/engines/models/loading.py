"""How torch, llama.cpp and transformers are loaded here: threads that sleep while they wait, no progress bars."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from assay.core.errors import require

SPINS = "2000"  # turns of a waiting loop, well under a millisecond


def share_cores() -> None:
    """Threads of a library loaded after this call sleep soon when they wait, unless the environment says otherwise.

    GNU OpenMP's threads spin instead. On cores shared with other programs that made llama.cpp 5 to 9 times and torch
    2 to 6 times slower. The library reads the variable once, when it is loaded.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)


@contextmanager
def hide_progress_bars() -> Iterator[None]:
    """transformers draws no progress bars inside."""
    logging = require("transformers.utils.logging", extra="train")
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
