"""L-BFGS-B on one BLAS thread.

Its steps solve 20 x 20 triangular systems, for which BLAS's threads wait for each other far longer than the work takes.
"""

import threading
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Two callers that set and restore the number of threads at the same time could leave it at one for good.
_thread_limit_lock = threading.Lock()


def minimize_lbfgs(
    loss: Callable[[NDArray[np.float64]], Any], start: NDArray[np.float64], **options: Any
) -> NDArray[np.float64]:
    """A minimum of the loss, as `scipy.optimize.minimize` finds it with these options."""
    from scipy.optimize import minimize

    with _thread_limit_lock, _thread_pools().limit(limits=1, user_api="blas"):
        return np.asarray(minimize(loss, start, method="L-BFGS-B", **options).x)


@cache
def _thread_pools() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()  # finding the loaded libraries takes milliseconds, setting their threads nothing
