"""A judging process without rights: it can compute, import what is installed, read its requests and write its replies."""

import os
import resource
import sys
import sysconfig
from collections.abc import Iterable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from assay.verifiers.isolation.confinement import Confinement, Isolation, close_files, limit, prepare

SYSTEM = (
    "/usr/lib",
    "/usr/lib64",
    "/lib",
    "/lib64",
    "/usr/share/zoneinfo",
    "/dev/null",
)  # shared libraries, for late imports
PACKAGES = ("assay", "sympy", "mpmath", "numpy", "math_verify", "latex2sympy2_extended", "antlr4", "reasoning_gym")
FILES = 64  # open at once


def shut_in(keep: Iterable[int]) -> Isolation:
    """Give up network, signals, other programs and processes, all writing, and all reading but of installed packages.

    Args:
        keep: Files that stay open beside the standard ones.

    Returns:
        What the kernel granted; elsewhere than on Linux nothing is.
    """
    limit(
        {resource.RLIMIT_FSIZE: 0, resource.RLIMIT_NOFILE: FILES, resource.RLIMIT_CORE: 1}
    )  # a byte: 0 is no limit for a core through a pipe
    granted = (
        rights().apply()
    )  # after the limits, which it takes away; before the files are closed, of which it needs one
    close_files([0, 1, 2, *keep])
    return granted


@lru_cache(1)  # worked out before the first fork, once for all children
def rights() -> Confinement:
    """What a judging process gives up."""
    return prepare(
        readable=installed(), writable=(), network=False, signals=False, metadata=False, programs=False, processes=False
    )


@lru_cache(1)
def installed() -> tuple[str, ...]:
    """The folders that imports read: the standard library, installed packages, shared libraries; never the folder that the caller works in."""
    named = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    named += [str(Path(sys.base_prefix, "lib")), *SYSTEM]
    for package in PACKAGES:
        spec = find_spec(package)
        named += [str(Path(spec.origin).parent)] if spec is not None and spec.origin else []
    return tuple(sorted({path for path in named if os.path.exists(path)}))
