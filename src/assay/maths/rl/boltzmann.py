"""Chances that grow with value: the Boltzmann (softmax) distribution."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def boltzmann(values: ArrayLike, temperature: float) -> NDArray[np.float64]:
    """Chances proportional to exp(value / temperature), which sum to 1; no value overflows.

    A temperature of 0 divides all among the largest values. Shapes: (k,) -> (k,), k >= 1.

    Raises:
        ValueError: a negative temperature, or a value that is not finite.

    >>> boltzmann([1000.0, 1000.0], 1.0).tolist()
    [0.5, 0.5]
    """
    value = np.asarray(values, dtype=np.float64)
    if temperature < 0 or not np.isfinite(value).all():
        raise ValueError(
            f"chances of {value.tolist()} at temperature {temperature}: values are finite and temperatures at least 0"
        )
    height = value - value.max()
    weight = (height == 0).astype(np.float64) if temperature == 0 else np.exp(height / temperature)
    return np.asarray(weight / weight.sum())
