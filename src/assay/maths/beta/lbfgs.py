"""L-BFGS-B on one BLAS thread: its steps solve triangles of 20 x 20, and BLAS's threads wait for one another far longer than those take."""

import threading
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_alone = threading.Lock()  # two that set and restore the number of threads at once could leave it at one for good


def minimum(
    loss: Callable[[NDArray[np.float64]], Any], start: NDArray[np.float64], **given: Any
) -> NDArray[np.float64]:
    """Where the loss is least, as near as `scipy.optimize.minimize` finds it with these arguments."""
    from scipy.optimize import minimize

    with _alone, _pools().limit(limits=1, user_api="blas"):
        return np.asarray(minimize(loss, start, method="L-BFGS-B", **given).x)


@cache
def _pools() -> Any:
    from threadpoolctl import ThreadpoolController

    return (
        ThreadpoolController()
    )  # looking for the loaded libraries takes milliseconds; setting their threads takes none
