"""Pools small enough to check by hand."""

import numpy as np
import pytest

from assay.core.types import Pool


@pytest.fixture
def pool_of():
    """A pool from solved counts out of n attempts, with everything that a selector may need."""

    def build_pool(correct, n=8, *, cluster=None, vectors=None, **columns) -> Pool:
        right = np.asarray(correct, dtype=np.int64)
        a, b = right + 0.5, n - right + 0.5
        return Pool(
            ids=tuple(f"p{row:03d}" for row in range(len(right))),
            columns={
                "correct": right,
                "wrong": n - right,
                "truncated": np.zeros_like(right),
                "error": np.zeros_like(right),
                "beta_a": a,
                "beta_b": b,
                "mean": a / (a + b),
                **{name: np.asarray(values) for name, values in columns.items()},
            },
            vectors=None if vectors is None else np.asarray(vectors, dtype=np.float32),
            cluster=None if cluster is None else np.asarray(cluster, dtype=np.int64),
        )

    return build_pool


@pytest.fixture
def rng():
    return np.random.default_rng(0)
