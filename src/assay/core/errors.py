"""Errors on which a caller can act: each is one line that names the thing that is wrong and its remedy."""

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType

DISTRIBUTION = "assay-curation"


class ConfigError(ValueError):
    """The config, or a flag, asks for something that does not exist or does not fit; nothing was written."""


class EmptyResultError(ConfigError):
    """A stage that trains found that the stages before it have left nothing to train on; nothing was written."""


class LakeError(RuntimeError):
    """The lake cannot be opened, read or written as requested."""


class EngineError(RuntimeError):
    """An engine failed in a way that a retry by the caller may cure."""


class TrainingError(RuntimeError):
    """Training met something from which it must not learn; no checkpoint was written."""


class PublishError(RuntimeError):
    """A hub does not answer, or refuses what should be published; what was written on this machine stays."""


class EvidenceError(RuntimeError):
    """The first attempts of a run are no evidence; they are kept, and continuing would pay for more of the same."""


class Stopped(RuntimeError):
    """The run was asked to stop; what had arrived is committed, and the run can be resumed."""


def suggest_names(name: str, candidates: Iterable[str]) -> str:
    """Return the closest names to an unknown one, as the end of a sentence; all names where none is close.

    >>> suggest_names("fronteir", ["uniform", "frontier"])
    "nearest: 'frontier'"
    >>> suggest_names("zzz", ["uniform", "frontier"])
    "known: 'frontier', 'uniform'"
    >>> suggest_names("zzz", [])
    'known: none'
    """
    names = sorted(candidates)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    listing = ", ".join(repr(candidate) for candidate in (close or names))
    return f"{'nearest' if close else 'known'}: {listing or 'none'}"


def require(module: str, *, extra: str) -> ModuleType:
    """Import an optional module.

    Args:
        module: its full name.
        extra: the extra of this distribution that installs it.

    Raises:
        ConfigError: the module is not installed; the message holds the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as missing:
        if missing.name != module.split(".")[0]:
            raise
        raise ConfigError(f"{module} is not installed: pip install '{DISTRIBUTION}[{extra}]'") from missing
