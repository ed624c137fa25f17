"""Load a reward from the file that an export wrote, as a trainer does."""

import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from assay.core.identity import content_id
from assay.core.parts import run_file


def load_function(path: Path, name: str, *, modules: Mapping[str, ModuleType] | None = None) -> Callable[..., Any]:
    """Return a function or class of a Python file; the file is run once per path and content.

    Args:
        path: of the file.
        name: of the function or class.
        modules: stand in for a trainer's modules while the file runs, where the trainer is not installed.

    Raises:
        AttributeError: the file has no such name.
    """
    module_name = f"exported_{path.stem}_{content_id('file', str(path), path.read_text(encoding='utf-8'))[:12]}"
    if module_name not in sys.modules:
        lacking = {
            key: module
            for key, module in (modules or {}).items()
            if importlib.util.find_spec(key.partition(".")[0]) is None
        }
        sys.modules.update(lacking)
        try:
            run_file(module_name, path)
        finally:
            for key in lacking:
                del sys.modules[key]
    return getattr(sys.modules[module_name], name)  # type: ignore[no-any-return]
