"""A confined thread writes in its own folder alone; the threads beside it are free."""

from pathlib import Path
from threading import Thread

import pytest

from assay.stores.sql import landlock

pytestmark = pytest.mark.skipif(not landlock.available(), reason="this kernel has no Landlock")


def refused(path: Path) -> bool:
    try:
        path.write_text("x")
    except PermissionError:
        return True
    return False


def test_only_the_folder_can_be_written_and_the_caller_stays_free(tmp_path: Path) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    mine.mkdir()
    other.mkdir()
    (other / "old").write_text("old")
    answers = landlock.run_confined(
        lambda: [refused(mine / "new"), refused(other / "new"), refused(other / "old")], writable=str(mine)
    )
    assert answers == [False, True, True]
    assert (other / "old").read_text() == "old"
    assert not refused(other / "new")


def test_a_thread_that_is_started_inside_is_bound_too(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    answers: list[bool] = []

    def start() -> None:
        thread = Thread(target=lambda: answers.append(refused(tmp_path / "new")))
        thread.start()
        thread.join()

    landlock.run_confined(start, writable=str(tmp_path / "mine"))
    assert answers == [True]


def test_an_error_inside_is_raised_outside(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        landlock.run_confined(lambda: 1 // 0, writable=str(tmp_path))


def test_a_kernel_without_it_runs_the_work_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "available", lambda: 0)
    assert landlock.run_confined(lambda: refused(tmp_path / "new"), writable=str(tmp_path / "none")) is False
