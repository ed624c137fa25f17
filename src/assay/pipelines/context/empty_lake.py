"""Say where a lake was looked for in which nothing is stored: it starts from the working directory."""

import os
from pathlib import Path

from assay.core.config import Config
from assay.stores.lake import Lake


def explain_empty_lake(lake: Lake, config: Config) -> str:
    """Return where nothing was found, and the lake beside the config if there is one; "" where something is stored."""
    if lake.entries():
        return ""
    if "://" in config.lake:
        return f"nothing is stored in {lake.place}"
    place = Path(config.lake).expanduser()
    if place.is_absolute():
        return f"nothing is stored in {place}"
    beside = Path(config.folder or ".") / place
    lake_path = os.path.relpath(beside) if (beside / "lake.json").is_file() else ""
    other = f"; there is one beside the config: `--lake {lake_path}`" if lake_path else "; name another one with --lake"
    return (
        f"nothing is stored in {place.absolute()}: `lake` is relative to the working directory, not to the config's "
        f"folder{other}"
    )
