"""The group signal over a run in which the policy gets better: what is at one half now will be easy later."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assay.maths.rl.group_signal import expected_signal, group_signal

Floats = NDArray[np.float64]

NODES = 24  # over the posterior; the integrand at drift 0 is a polynomial of degree G and exact up to G = 47
TIMES = 8  # over the run
CHUNK = 4096  # distinct posteriors at a time


def run_signal(a: ArrayLike, b: ArrayLike, group_size: int, *, drift: float = 0.0) -> Floats:
    """The signal expected under p ~ Beta(a, b), averaged over a run in which logit p rises evenly by `drift`.  # [0, 1]

    drift = 0 is `expected_signal`, in closed form; a large one favours what is hard now; a negative one is a policy that gets
    worse. Shapes: a S, b S -> S. Equal posteriors are computed once.

    Raises:
        ValueError: G is below 1, or the drift is not finite.

    Source: Golub and Welsch (1969), Calculation of Gauss Quadrature Rules, with the Jacobi polynomials' recurrence; the drift is ours.
    """
    if not np.isfinite(drift):
        raise ValueError(f"a drift of {drift} is not finite")
    if drift == 0:
        return expected_signal(a, b, group_size)
    first, second = np.broadcast_arrays(np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64))
    pairs, where = np.unique(np.stack([first.ravel(), second.ravel()], axis=1), axis=0, return_inverse=True)
    values = [_averaged(pairs[start : start + CHUNK], group_size, drift) for start in range(0, len(pairs), CHUNK)]
    return np.asarray(np.concatenate([np.empty(0), *values])[where.ravel()].reshape(first.shape))


def _averaged(pairs: Floats, group_size: int, drift: float) -> Floats:
    rate, mass = beta_nodes(pairs[:, 0], pairs[:, 1])  # (m, q), (m, q)
    times, share = np.polynomial.legendre.leggauss(TIMES)
    total = np.zeros(len(pairs))
    for when, part in zip((times + 1) / 2, share / 2, strict=True):
        risen = rate * np.exp(drift * when) / (1 - rate + rate * np.exp(drift * when))
        total += part * (mass * group_signal(risen, group_size)).sum(axis=1)
    return np.clip(total, 0.0, 1.0)


def beta_nodes(a: Floats, b: Floats, nodes: int = NODES) -> tuple[Floats, Floats]:
    """Rates and masses with which a sum stands for an expectation under Beta(a, b), exact for polynomials below degree 2 x nodes.

    Shapes: a (m,), b (m,) -> (m, nodes), (m, nodes); masses sum to 1.
    """
    n = np.arange(1, nodes)
    alpha, beta = (b - 1)[:, None], (a - 1)[:, None]  # Jacobi's exponents on [-1, 1]: of 1 - x, of 1 + x
    s = 2 * n + alpha + beta  # (m, nodes - 1)
    diagonal = np.concatenate([(beta - alpha) / (alpha + beta + 2), (beta**2 - alpha**2) / (s * (s + 2))], axis=1)
    common = 4 * n * (n + alpha) * (n + beta) / (s**2 * (s + 1))
    beside = common * np.where(
        n == 1, 1.0, (n + alpha + beta) / np.where(n == 1, 1.0, s - 1)
    )  # 0 / 0 at n = a + b = 1, whose limit is 1
    matrix = np.zeros((len(a), nodes, nodes))
    matrix[:, np.arange(nodes), np.arange(nodes)] = diagonal
    matrix[:, n, n - 1] = np.sqrt(beside)
    values, columns = np.linalg.eigh(matrix)  # reads the lower triangle
    return np.clip((values + 1) / 2, 0.0, 1.0), columns[:, 0, :] ** 2


def fitted_drift(logit: ArrayLike, progress: ArrayLike, correct: ArrayLike) -> float:
    """The logit gain over a run that best explains its attempts: P(right) = sigmoid(logit before + drift x progress), by maximum likelihood.

    One row an attempt: the problem's logit before the run, how far the run was (0 to 1), and whether it was right. Without an attempt
    after the start, or where all of them went one way, it is 0: nothing was learnt about the drift. Shapes: S, S, S -> a number.
    """
    base, x, y = (np.asarray(each, dtype=np.float64).ravel() for each in (logit, progress, correct))
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
