import subprocess
import sys

import numpy as np
import pytest

from assay.embedding.neighbours import FaissNeighbours

faiss = pytest.importorskip("faiss")
AXES = np.eye(3, dtype=np.float32)


def some(n, d=8, seed=0):
    rows = np.random.default_rng(seed).normal(size=(n, d))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_above_is_every_row_of_that_cosine_ascending():
    middle = np.array([[0.6, 0.8, 0.0]], np.float32)
    ((rows, cosines),) = FaissNeighbours().above(middle, AXES, 0.6)
    assert rows.tolist() == [0, 1]
    np.testing.assert_allclose(cosines, [0.6, 0.8], rtol=1e-6)
    assert next(iter(FaissNeighbours().above(middle, AXES, 0.81)))[0].tolist() == []


def test_chunks_change_nothing():
    queries, rows = some(50), some(40, seed=1)
    small, large = (list(FaissNeighbours(chunk=chunk).above(queries, rows, 0.2)) for chunk in (7, 1000))
    expected = queries @ rows.T
    for query, ((neighbours, cosines), (again, _)) in enumerate(zip(small, large, strict=True)):
        assert neighbours.tolist() == again.tolist() == np.flatnonzero(expected[query] >= 0.2).tolist()
        np.testing.assert_allclose(cosines, expected[query][neighbours], atol=1e-6)


def test_nearest_gives_at_most_what_there_is():
    cosines, neighbours = FaissNeighbours().nearest(AXES[:1], AXES, 5)
    assert neighbours.shape == cosines.shape == (1, 3)
    assert (neighbours[0, 0], cosines[0, 0]) == (0, 1)


def test_nothing_has_no_neighbours():
    none = np.zeros((0, 3), np.float32)
    assert list(FaissNeighbours().above(none, AXES, 0.5)) == []
    assert [neighbours.tolist() for neighbours, _ in FaissNeighbours().above(AXES, none, 0.5)] == [[], [], []]
    assert FaissNeighbours().nearest(AXES, none, 2)[1].shape == (3, 0)


def test_what_cannot_be_compared_is_named():
    with pytest.raises(ValueError, match="dimension 8 cannot be compared with rows of dimension 3"):
        list(FaissNeighbours().above(some(2), AXES, 0.5))
    for value in (np.nan, 0.0, 2.0):
        broken = AXES.copy()
        broken[1] *= value
        with pytest.raises(ValueError, match="row 1"):
            list(FaissNeighbours().above(AXES, broken, 0.5))
    with pytest.raises(ValueError, match="at least 1, found 0"):
        FaissNeighbours().nearest(AXES, AXES, 0)


def test_importing_it_imports_no_faiss():
    code = "import sys, assay.embedding.neighbours; print('faiss' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        == "False"
    )
