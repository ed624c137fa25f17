"""What a caller can act on: each error is one line that names the thing and its remedy."""

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType

DISTRIBUTION = "assay-curation"


class ConfigError(ValueError):
    """The plan, or a flag, asks for something that does not exist or does not fit; nothing was written."""


class LakeError(RuntimeError):
    """The store cannot be opened, read or written as asked."""


class EngineError(RuntimeError):
    """A backend failed in a way that a retry by the caller may cure."""


class TrainingError(RuntimeError):
    """Training met something that it must not learn from; no checkpoint was written."""


class EvidenceError(RuntimeError):
    """The first attempts of a run are no evidence of anything; what was paid for is kept, and going on would pay for more of it."""


class Stopped(RuntimeError):
    """The run was asked to stop; what had arrived is committed and the run can be resumed."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The neighbours of an unknown name, as the end of a sentence.

    >>> nearest("fronteir", ["uniform", "frontier"])
    "nearest: 'frontier'"
    >>> nearest("zzz", ["uniform", "frontier"])
    "known: 'frontier', 'uniform'"
    >>> nearest("zzz", [])
    'known: none'
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    listed = ", ".join(repr(each) for each in (close or names))
    return f"{'nearest' if close else 'known'}: {listed or 'none'}"


def require(module: str, *, extra: str) -> ModuleType:
    """The imported module, or an error that names the extra which brings it.

    Raises:
        ConfigError: the module is not installed; the message holds the command for this distribution.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as missing:
        if missing.name != module.split(".")[0]:
            raise
        raise ConfigError(f"{module} is not installed: pip install '{DISTRIBUTION}[{extra}]'") from missing
