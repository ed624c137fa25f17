"""Check which packages are installed."""

import importlib.metadata

from assay.core.errors import ConfigError


def check_faiss() -> None:
    """Refuse both FAISS wheels at once: they are one module, and which of them is imported is chance.

    Raises:
        ConfigError: both are installed.
    """
    both = [name for name in ("faiss-cpu", "faiss-gpu") if is_installed(name)]
    if len(both) == 2:
        raise ConfigError(
            f"{' and '.join(both)} are both installed and provide the same module: uninstall one of them with pip"
        )


def is_installed(distribution: str) -> bool:
    """Return whether pip has installed a distribution, whatever its modules are called."""
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
