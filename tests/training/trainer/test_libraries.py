import importlib.util
import logging
import subprocess
import sys
import warnings

import pytest

from assay.training.trainer.libraries import silence_libraries


def test_everything_is_as_before_afterwards_even_after_a_fault() -> None:
    from huggingface_hub import constants
    from transformers.utils import logging as bars

    logger = logging.getLogger("trl")
    before = (logger.level, bars.is_progress_bar_enabled(), constants.HF_HUB_DISABLE_TELEMETRY)
    with silence_libraries(), warnings.catch_warnings(record=True) as records:
        assert (logger.level, bars.is_progress_bar_enabled(), constants.HF_HUB_DISABLE_TELEMETRY) == (
            logging.ERROR,
            False,
            True,
        )
        warnings.warn("unheard", stacklevel=1)
    assert not records
    with pytest.raises(ZeroDivisionError), silence_libraries():
        _ = 1 / 0
    assert (logger.level, bars.is_progress_bar_enabled(), constants.HF_HUB_DISABLE_TELEMETRY) == before


IN_A_NOTEBOOK = """
import sys
import marimo
from assay.training.trainer.libraries import load_trainer
load_trainer()
from transformers.utils import is_in_notebook
from trl import GRPOTrainer
print(is_in_notebook(), "IPython" in sys.modules)
"""


@pytest.mark.skipif(
    importlib.util.find_spec("marimo") is None or importlib.util.find_spec("IPython") is not None,
    reason="needs marimo (pip install 'assay-curation[dev]') and no IPython",
)
def test_the_trainer_is_imported_in_a_marimo_notebook_without_ipython() -> None:
    """Without `load_trainer` TRL's import fails for lack of IPython; afterwards transformers knows the notebook as before."""
    result = subprocess.run([sys.executable, "-c", IN_A_NOTEBOOK], capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr[-2000:]
    assert result.stdout.split() == ["True", "False"]
