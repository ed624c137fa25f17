"""The environment of a worker: a list of names, not what the caller happens to hold; keys and tokens stay outside."""

import os
import sys
from collections.abc import Iterable, Mapping

KEPT = (
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
SINGLE = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
)  # as many processes as cores: one thread in each


def worker_environment(names: Iterable[str] = (), *, caller: Mapping[str, str] | None = None) -> dict[str, str]:
    """The kept names and `names` of the caller's environment, the import path, one thread, no accelerator.

    >>> sorted(worker_environment(["MINE"], caller={"MINE": "1", "API_KEY": "2", "PATH": "/bin"}))[:4]
    ['CUDA_VISIBLE_DEVICES', 'MINE', 'MKL_NUM_THREADS', 'OMP_NUM_THREADS']
    """
    held = os.environ if caller is None else caller
    kept = {name: value for name, value in held.items() if name in (*KEPT, *names) or name.startswith(KEPT_PREFIX)}
    paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
    return {**kept, **SINGLE, "PYTHONPATH": paths, "CUDA_VISIBLE_DEVICES": ""}
