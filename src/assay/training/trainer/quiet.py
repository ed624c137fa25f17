"""Training libraries say nothing while the reporter speaks, and send nothing anywhere."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

LOUD = ("trl", "transformers", "accelerate", "datasets", "torch", "huggingface_hub")


@contextmanager
def quiet() -> Iterator[None]:
    """Inside, no progress bar, no warning below an error, and no telemetry; afterwards everything is as it was."""
    from huggingface_hub import constants
    from transformers.utils import logging as bars

    loggers = [logging.getLogger(name) for name in LOUD]
    levels = [logger.level for logger in loggers]
    showing, sending = bars.is_progress_bar_enabled(), constants.HF_HUB_DISABLE_TELEMETRY
    try:
        bars.disable_progress_bar()
        constants.HF_HUB_DISABLE_TELEMETRY = True  # TRL reports each trainer that is built
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        constants.HF_HUB_DISABLE_TELEMETRY = sending
        if showing:
            bars.enable_progress_bar()
