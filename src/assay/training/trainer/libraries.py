"""Make the training libraries importable in a notebook, silent while the reporter speaks, and free of telemetry."""

import importlib.util
import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

LOGGERS = ("trl", "transformers", "accelerate", "datasets", "torch", "huggingface_hub")


def load_trainer() -> None:
    """Import transformers' trainer, in a marimo notebook without IPython too.

    transformers takes a process that has imported marimo for a notebook, and then imports IPython for its progress
    table, which marimo does not bring. Training shows no such table, so where IPython is missing the import is made as
    outside of a notebook.
    """
    import transformers.utils

    if "transformers.trainer" in sys.modules or importlib.util.find_spec("IPython") is not None:
        return
    is_in_notebook = transformers.utils.is_in_notebook
    transformers.utils.is_in_notebook = lambda: False  # read once, while the trainer is imported
    try:
        import transformers.trainer
    finally:
        transformers.utils.is_in_notebook = is_in_notebook


@contextmanager
def silence_libraries() -> Iterator[None]:
    """Inside, show no progress bar and no message below an error, and send no telemetry; restore all afterwards."""
    from huggingface_hub import constants
    from transformers.utils import logging as progress

    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    bars_enabled, telemetry_disabled = progress.is_progress_bar_enabled(), constants.HF_HUB_DISABLE_TELEMETRY
    try:
        progress.disable_progress_bar()
        constants.HF_HUB_DISABLE_TELEMETRY = True  # TRL reports each trainer that is built
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        constants.HF_HUB_DISABLE_TELEMETRY = telemetry_disabled
        if bars_enabled:
            progress.enable_progress_bar()
