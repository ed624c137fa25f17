"""Confine a judging process: it can compute, import installed packages, read its requests and write its replies."""

import os
import resource
import sys
import sysconfig
from collections.abc import Iterable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from assay.verifiers.isolation.confinement import Confinement, Isolation, close_files, prepare_confinement, set_limits

SYSTEM_PATHS = (
    "/usr/lib",
    "/usr/lib64",
    "/lib",
    "/lib64",
    "/usr/share/zoneinfo",
    "/dev/null",
)  # for shared libraries, which late imports load
PACKAGES = ("assay", "sympy", "mpmath", "numpy", "math_verify", "latex2sympy2_extended", "antlr4", "reasoning_gym")
MAX_OPEN_FILES = 64


def confine_worker(keep: Iterable[int]) -> Isolation:
    """Give up network, signals, other programs and processes, all writing, and reading except of installed packages."""
    # core dumps of 1 byte: 0 does not limit one that is piped to a program
    set_limits({resource.RLIMIT_FSIZE: 0, resource.RLIMIT_NOFILE: MAX_OPEN_FILES, resource.RLIMIT_CORE: 1})
    # after the limits, since it forbids setting them; before the files are closed, since it needs one
    isolation = worker_confinement().apply()
    close_files([0, 1, 2, *keep])
    return isolation


@lru_cache(1)
def worker_confinement() -> Confinement:
    """Return what a judging process gives up; worked out before the first fork, once for all children."""
    return prepare_confinement(
        readable=list_import_paths(),
        writable=(),
        network=False,
        signals=False,
        metadata=False,
        programs=False,
        processes=False,
    )


@lru_cache(1)
def list_import_paths() -> tuple[str, ...]:
    """List the paths that imports read: the standard library, installed packages and shared libraries.

    The folder in which the caller works is never among them.
    """
    paths = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    paths += [str(Path(sys.base_prefix, "lib")), *SYSTEM_PATHS]
    for package in PACKAGES:
        spec = find_spec(package)
        paths += [str(Path(spec.origin).parent)] if spec is not None and spec.origin else []
    return tuple(sorted({path for path in paths if os.path.exists(path)}))
