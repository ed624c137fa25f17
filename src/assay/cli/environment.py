"""What is installed that must not be installed together."""

import importlib.metadata

from assay.core.errors import ConfigError


def one_faiss() -> None:
    """Refuses both FAISS wheels at once: they are one module, and which of them is imported is chance."""
    both = [name for name in ("faiss-cpu", "faiss-gpu") if installed(name)]
    if len(both) == 2:
        raise ConfigError(f"{' and '.join(both)} are both installed and are one module: pip uninstall one of them")


def installed(distribution: str) -> bool:
    """Whether pip has it here, whatever its modules are called."""
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
