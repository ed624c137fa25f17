import logging
import warnings

import pytest

from assay.training.trainer.quiet import quiet


def test_everything_is_as_before_afterwards_even_after_a_fault() -> None:
    from huggingface_hub import constants
    from transformers.utils import logging as bars

    logger = logging.getLogger("trl")
    before = (logger.level, bars.is_progress_bar_enabled(), constants.HF_HUB_DISABLE_TELEMETRY)
    with quiet(), warnings.catch_warnings(record=True) as heard:
        assert (logger.level, bars.is_progress_bar_enabled(), constants.HF_HUB_DISABLE_TELEMETRY) == (
            logging.ERROR,
            False,
            True,
        )
        warnings.warn("unheard", stacklevel=1)
    assert not heard
    with pytest.raises(ZeroDivisionError), quiet():
        _ = 1 / 0
    assert (logger.level, bars.is_progress_bar_enabled(), constants.HF_HUB_DISABLE_TELEMETRY) == before
