"""How Diversify and Conquer moves weight between clusters from round to round."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Form = Literal["exp", "plain"]


def update_cluster_weights(weights: ArrayLike, gains: ArrayLike, *, form: Form = "exp", memory: bool = True) -> Floats:
    """The next round's weights are w_j exp(s_j), scaled to sum 1; under "plain" w_j s_j / sum(s), as in the paper.

    A gain of NaN was not measured (no problem of the cluster was drawn): its cluster keeps its share, and the other
    clusters divide the rest. Without memory the weights before do not enter.

    Shapes: weights (k,), sum 1; gains (k,) -> (k,), sum 1.

    Raises:
        ValueError: under "plain", a gain is negative (a cluster cannot have a negative chance) or all are 0; shapes
            differ.

    Source: arXiv:2409.11378, sec. 3, eq. 6. The released code takes exp and forgets the weights before.

    >>> update_cluster_weights([1 / 3] * 3, [0.4, 0.3, -0.2]).round(3).tolist()
    [0.408, 0.369, 0.224]
    """
    before, gain = np.asarray(weights, dtype=np.float64), np.asarray(gains, dtype=np.float64)
    if before.shape != gain.shape or before.ndim != 1:
        raise ValueError(f"weights of shape {before.shape} for gains of shape {gain.shape}")
    is_measured = np.isfinite(gain)
    if not is_measured.any():
        return before.copy()
    base = before[is_measured] if memory else np.full(int(is_measured.sum()), 1.0)
    raised = base * _factor(gain[is_measured], form)
    after = before.copy()
    if raised.sum() > 0:
        after[is_measured] = before[is_measured].sum() * raised / raised.sum()
    return after


def _factor(gain: Floats, form: Form) -> Floats:
    if form == "exp":
        # the largest is 1, so nothing overflows; scaling cancels the shift
        return np.asarray(np.exp(gain - gain.max()))
    if (negative := gain[gain < 0]).size:
        raise ValueError(
            f"a gain of {negative[0]:g} would be a negative weight in the plain form; form = 'exp' takes it"
        )
    if not gain.sum() > 0:
        raise ValueError(f"the gains of {len(gain)} clusters are all 0: the plain form has no weights for them")
    return gain
