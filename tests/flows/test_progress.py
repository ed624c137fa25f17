"""A count that the UI shows: when it is worth an artifact, and that none is ever worth a failure. On a server: `test_artifacts.py`."""

from uuid import uuid4

import pytest

from assay.flows import progress
from assay.flows.artifacts import artifact_key
from assay.flows.progress import ProgressArtifact


def test_what_is_done_soon_makes_no_artifact() -> None:
    bar = ProgressArtifact("sums", "attempts", 8, pytest.fail)
    for _ in range(8):
        bar.advance()
    bar.end()
    assert (bar.done, bar.id) == (8, None)


def test_a_count_outside_any_run_makes_none_however_long_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("prefect", reason="the extra flows is not installed")
    monkeypatch.setattr(progress, "LONG_S", 0.0)
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    bar = ProgressArtifact("sums", "attempts", 8, pytest.fail)
    bar.advance(3, note="12 tokens")
    assert (bar.done, bar.id) == (3, None)


def test_a_server_that_is_gone_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("prefect", reason="the extra flows is not installed")
    from prefect import artifacts

    def gone(*_args: object, **_named: object) -> None:
        raise ConnectionError("refused\nand more")

    monkeypatch.setattr(artifacts, "update_progress_artifact", gone)
    monkeypatch.setattr("prefect.context.FlowRunContext.get", lambda: object())
    told: list[str] = []
    bar = ProgressArtifact("sums", "attempts", 8, told.append)
    bar.id = uuid4()
    bar.end()
    assert told == ["the server did not accept the progress of attempts: refused"]


def test_keys_hold_what_prefect_takes() -> None:
    assert artifact_key("GSM8K (nightly)", "shards-progress") == "gsm8k-nightly-shards-progress"
