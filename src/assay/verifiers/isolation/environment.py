"""The environment variables of a worker: a fixed list of names, so that keys and tokens of the caller stay outside."""

import os
import sys
from collections.abc import Iterable, Mapping

KEPT_NAMES = (
    "PATH",
    "HOME",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "PYTHONHASHSEED",
    "PYTHONUTF8",
)
KEPT_PREFIX = "LC_"
# one thread per process, since there may be a process per core
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def build_worker_environment(names: Iterable[str] = (), *, caller: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return a worker's environment: the kept and the named variables, the import path, one thread, no accelerator.

    Args:
        names: Further names to keep.
        caller: The caller's environment; that of this process by default.

    >>> sorted(build_worker_environment(["MINE"], caller={"MINE": "1", "API_KEY": "2", "PATH": "/bin"}))[:4]
    ['CUDA_VISIBLE_DEVICES', 'MINE', 'MKL_NUM_THREADS', 'OMP_NUM_THREADS']
    """
    variables = os.environ if caller is None else caller
    allowed = {
        name: value
        for name, value in variables.items()
        if name in (*KEPT_NAMES, *names) or name.startswith(KEPT_PREFIX)
    }
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    return {**allowed, **ONE_THREAD, "PYTHONPATH": paths, "CUDA_VISIBLE_DEVICES": ""}
