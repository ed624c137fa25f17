"""What is left, in bytes as well."""

import shutil
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from assay.pipelines.forecast import OVERHEAD, forecast
from assay.pipelines.job import Job
from assay.pipelines.walk import walk

Made = Callable[..., Job]


def test_before_the_split_nobody_knows_how_much_disk_it_takes(job: Made) -> None:
    assert forecast(job(), 0)["disk"]["bytes"] is None


def test_without_attempts_the_disk_is_guessed_from_the_cap(job: Made) -> None:
    walk(job(), "split")
    told = forecast(job(), 0)["disk"]
    assert (told["bytes"], told["attempts"], told["short"]) == (32 * 4 * (OVERHEAD + 16 * 2), 0, False)


def test_with_attempts_it_is_what_they_took_and_nothing_where_nothing_is_left(job: Made) -> None:
    made = job()
    walk(made)
    taken = sum(file.bytes for entry in made.lake.entries() for file in entry.files if file.table in ("rollouts", "texts", "verdicts"))
    assert forecast(job(), 0)["disk"]["bytes"] == 0
    more = forecast(job(score={"n": 8}), 0)["disk"]
    assert (more["bytes"], more["attempts"]) == (taken, 32 * 4), "as many again"


def test_a_disk_that_is_too_small_is_said(job: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    walk(job(), "split")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000))
    assert forecast(job(), 0)["disk"]["short"]
