"""The group signal over a run in which the policy improves: what is solved half of the time now is easy later."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assay.maths.rl.group_signal import group_signal
from assay.maths.rl.reward_signal import SignalKind, binary_signal, deviation

Floats = NDArray[np.float64]

NODES = 24  # over the posterior; the integrand at drift 0 is a polynomial of degree G and exact up to G = 47
TIMES = 8  # over the run
CHUNK = 4096  # distinct posteriors in memory at a time


def run_signal(
    a: ArrayLike, b: ArrayLike, group_size: int, *, drift: float = 0.0, kind: SignalKind = "mixed"
) -> Floats:
    """The signal expected under p ~ Beta(a, b), averaged over a run in which logit p rises evenly by `drift`.  # [0, 1]

    drift = 0 is `binary_signal`, in closed form; a large one favours what is hard now; a negative one is a policy
    that gets worse. Of kind "sd" the signal is E[sd] (`reward_signal`). Shapes: a S, b S -> S. Equal posteriors are
    computed once.

    Raises:
        ValueError: G is below 1, or the drift is not finite.

    Source: Golub and Welsch (1969), Calculation of Gauss Quadrature Rules, with the Jacobi polynomials' recurrence; the
    drift is ours.
    """
    if not np.isfinite(drift):
        raise ValueError(f"a drift of {drift} is not finite")
    if drift == 0:
        return binary_signal(a, b, group_size, kind)
    first, second = np.broadcast_arrays(np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64))
    pairs, where = np.unique(np.stack([first.ravel(), second.ravel()], axis=1), axis=0, return_inverse=True)
    values = [
        _average_signal(pairs[start : start + CHUNK], group_size, drift, kind) for start in range(0, len(pairs), CHUNK)
    ]
    return np.asarray(np.concatenate([np.empty(0), *values])[where.ravel()].reshape(first.shape))


def _average_signal(pairs: Floats, group_size: int, drift: float, kind: SignalKind) -> Floats:
    at_rate = group_signal if kind == "mixed" else deviation
    rate, mass = beta_nodes(pairs[:, 0], pairs[:, 1])  # (m, q), (m, q)
    times, weights = np.polynomial.legendre.leggauss(TIMES)
    total = np.zeros(len(pairs))
    for time, weight in zip((times + 1) / 2, weights / 2, strict=True):
        later_rate = rate * np.exp(drift * time) / (1 - rate + rate * np.exp(drift * time))
        total += weight * (mass * at_rate(later_rate, group_size)).sum(axis=1)
    return np.clip(total, 0.0, 1.0)


def beta_nodes(a: Floats, b: Floats, nodes: int = NODES) -> tuple[Floats, Floats]:
    """Rates and masses whose weighted sum is an expectation under Beta(a, b), exact below degree 2 x nodes.

    Shapes: a (m,), b (m,) -> (m, nodes), (m, nodes); masses sum to 1.
    """
    n = np.arange(1, nodes)
    alpha, beta = (b - 1)[:, None], (a - 1)[:, None]  # Jacobi's exponents on [-1, 1]: of 1 - x, of 1 + x
    s = 2 * n + alpha + beta  # (m, nodes - 1)
    diagonal = np.concatenate([(beta - alpha) / (alpha + beta + 2), (beta**2 - alpha**2) / (s * (s + 2))], axis=1)
    common = 4 * n * (n + alpha) * (n + beta) / (s**2 * (s + 1))
    # 0 / 0 at n = a + b = 1, whose limit is 1
    off_diagonal = common * np.where(n == 1, 1.0, (n + alpha + beta) / np.where(n == 1, 1.0, s - 1))
    matrix = np.zeros((len(a), nodes, nodes))
    matrix[:, np.arange(nodes), np.arange(nodes)] = diagonal
    matrix[:, n, n - 1] = np.sqrt(off_diagonal)
    values, columns = np.linalg.eigh(matrix)  # reads the lower triangle
    return np.clip((values + 1) / 2, 0.0, 1.0), columns[:, 0, :] ** 2


def fit_drift(logit: ArrayLike, progress: ArrayLike, correct: ArrayLike) -> float:
    """The maximum-likelihood drift of a run under P(right) = sigmoid(logit before + drift x progress).

    One row per attempt: the problem's logit before the run, how far the run was (0 to 1), and whether it was right. It
    is 0, since nothing was learnt about the drift, without an attempt after the start or if all of them went one way.
    Shapes: S, S, S -> a number.
    """
    base, x, y = (np.asarray(values, dtype=np.float64).ravel() for values in (logit, progress, correct))
    late = x > 0
    if not late.any() or y[late].min() == y[late].max():
        return 0.0
    drift = 0.0
    for _ in range(50):
        p = 1 / (1 + np.exp(-(base + drift * x)))
        step = float((x * (y - p)).sum() / max(float((x**2 * p * (1 - p)).sum()), 1e-12))
        drift += float(np.clip(step, -1, 1))
        if abs(step) < 1e-9:
            break
    return drift
