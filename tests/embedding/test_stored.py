import numpy as np
import pytest

from assay.core.errors import ConfigError
from assay.core.types import Problem
from assay.embedding.encode import load_encoder


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "gradients.npz"
    np.savez(path, ids=np.array([Problem.of(text).id for text in "ab"]), rows=np.array([[3.0, 4.0], [0.0, 2.0]]))
    return path


def test_stored_gradients_are_encoded_with_norm_one(file):
    np.testing.assert_allclose(
        load_encoder(str(file)).encode(["b", "a", "a"]), [[0, 1], [0.6, 0.8], [0.6, 0.8]], rtol=1e-6
    )


def test_other_bytes_are_another_revision(file, tmp_path):
    other = tmp_path / "other.npz"
    np.savez(other, ids=np.array(["x"]), rows=np.ones((1, 2)))
    assert load_encoder(str(file)).revision == load_encoder(str(file)).revision != load_encoder(str(other)).revision


def test_what_is_not_there_is_named(file, tmp_path):
    with pytest.raises(ConfigError, match=f"no vector for '{Problem.of('c').id}'; 1 of 2"):
        load_encoder(str(file)).encode(["a", "c"])
    with pytest.raises(ConfigError, match="no file"):
        load_encoder(str(tmp_path / "nowhere.npz"))
    np.savez(file, rows=np.ones((1, 2)))
    with pytest.raises(ConfigError, match="must hold the arrays 'ids' and 'rows'"):
        load_encoder(str(file)).encode(["a"])


def test_a_vector_without_direction_is_an_error(file):
    np.savez(file, ids=np.array([Problem.of("a").id]), rows=np.zeros((1, 2)))
    with pytest.raises(ValueError, match="row 0 has norm 0"):
        load_encoder(str(file)).encode(["a"])
