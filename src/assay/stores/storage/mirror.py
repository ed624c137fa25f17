"""The copies of a bucket's immutable files on this machine: whole or not there, and bounded in size."""

import os
import time
from pathlib import Path

from assay.core.errors import ConfigError

MARK = "manifest/.lake"  # tells an empty manifest from a missing one in a bucket, which has no empty folders
MIRROR = "mirror-of"  # in the folder that mirrors a bucket: the bucket's address
LIMIT = "ASSAY_LAKE_CACHE_GIB"
LIMIT_GIB = 20.0  # per lake; more where a single query needs more
IN_USE_S = 3600.0  # a copy that was used this recently stays, for queries under way


def use(copy: Path) -> bool:
    """Set a copy's time of use to now; return whether there is a copy."""
    try:
        os.utime(copy)
    except OSError:
        return False
    return True


def evict(root: Path, *, limit_bytes: float | None = None, now: float | None = None) -> int:
    """Delete the data files that were used longest ago until the rest fits.

    Args:
        root: the mirror.
        limit_bytes: what fits; None = as the environment or LIMIT_GIB says.
        now: seconds since 1970; None = the present time.

    Returns:
        How many files were deleted.

    Raises:
        ConfigError: the limit in the environment is no number.
    """
    limit = _limit_bytes() if limit_bytes is None else limit_bytes
    copies = sorted(
        (stat.st_mtime, stat.st_size, path) for path in (root / "tables").glob("*/*.parquet") if (stat := _stat(path))
    )
    total, n_removed = sum(size for _, size, _ in copies), 0
    for used, size, path in copies:
        if total <= limit or used > (now or time.time()) - IN_USE_S:
            break
        path.unlink(missing_ok=True)
        total, n_removed = total - size, n_removed + 1
    return n_removed


def _limit_bytes() -> float:
    setting = os.environ.get(LIMIT, str(LIMIT_GIB))
    try:
        return float(setting) * 2**30
    except ValueError as error:
        raise ConfigError(f"{LIMIT}={setting!r} must be a number of GiB") from error


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None
