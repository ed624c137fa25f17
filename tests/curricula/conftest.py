"""Pools small enough to order by hand."""

import numpy as np
import pytest

from assay.core.types import Pool


@pytest.fixture
def pool_of():
    """A pool from posterior means, clusters and sources."""

    def make(mean, *, cluster=None, source=None) -> Pool:
        ids = tuple(f"p{row:0{len(str(len(mean) - 1))}}" for row in range(len(mean)))
        columns = {"mean": np.asarray(mean, dtype=np.float64)}
        if source is not None:
            columns["source"] = np.asarray(source)
        return Pool(ids, columns, cluster=None if cluster is None else np.asarray(cluster, dtype=np.int64))

    return make


@pytest.fixture
def rng():
    return np.random.default_rng(0)
