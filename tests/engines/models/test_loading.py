import os

import pytest

from assay.engines.models import loading


def test_waiting_threads_sleep_unless_the_environment_says_otherwise(monkeypatch):
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    loading.share_cores()
    assert os.environ["GOMP_SPINCOUNT"] == "7"
    monkeypatch.delenv("GOMP_SPINCOUNT")
    loading.share_cores()
    assert int(os.environ["GOMP_SPINCOUNT"]) > 0


def test_progress_bars_come_back(monkeypatch):
    logging = pytest.importorskip("transformers.utils.logging", reason="the extra train is not installed")
    logging.enable_progress_bar()
    with loading.hide_progress_bars():
        assert not logging.is_progress_bar_enabled()
    assert logging.is_progress_bar_enabled()
