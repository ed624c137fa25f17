import logging
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
