"""Check which packages are installed."""

import importlib.metadata

from assay.core.errors import ConfigError


def check_faiss() -> None:
    """Refuse both FAISS wheels at once: they are one module, and which of them is imported is chance.

    Raises:
        ConfigError: both are installed.
    """
    faiss_packages = [name for name in ("faiss-cpu", "faiss-gpu") if is_installed(name)]
    if len(faiss_packages) == 2:
        raise ConfigError(
            f"{' and '.join(faiss_packages)} are both installed and provide the same module: uninstall one of them with pip"
        )


def is_installed(distribution: str) -> bool:
    """Return whether pip has installed a distribution, whatever its modules are called."""
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
