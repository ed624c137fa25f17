"""Folders on this machine that belong to no lake."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return the folder of what can be made again: ASSAY_CACHE, else XDG_CACHE_HOME/assay, else ~/.cache/assay."""
    if own := os.environ.get("ASSAY_CACHE"):
        return Path(own)
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "assay"
