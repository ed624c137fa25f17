"""Work that one process does at a time: a lease ends with its time, or with the process that took it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from assay.pipelines.context.locks import holder_text
from assay.stores.commits.lease import _machine, expired, give_back, holder, lease, renew, take

TAKEN = (
    "import sys; from assay.stores.commits.lease import take; print(take(sys.argv[1], 'work', limit_s=900) is not None)"
)


def taken_by_another(root: Path) -> None:
    assert (
        subprocess.run([sys.executable, "-c", TAKEN, str(root)], capture_output=True, text=True, check=True).stdout
        == "True\n"
    )


def change(root: Path, **values: object) -> None:
    path = root / "leases" / "work.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.skipif(not _machine(), reason="the system does not say which processes are the same")
def test_the_lease_of_a_process_that_no_longer_runs_is_free_at_once(tmp_path: Path) -> None:
    taken_by_another(tmp_path)
    with lease(tmp_path, "work", limit_s=900) as ours:
        assert ours
        assert take(tmp_path, "work", limit_s=900) is None, "we run"


def test_the_dead_of_another_machine_are_unknown_and_their_lease_lasts(tmp_path: Path) -> None:
    taken_by_another(tmp_path)
    change(tmp_path, machine="elsewhere")
    assert take(tmp_path, "work", limit_s=900) is None
    change(tmp_path, until=0)
    assert take(tmp_path, "work", limit_s=900)


def test_another_process_under_the_same_number_holds_nothing(tmp_path: Path) -> None:
    if not _machine():
        pytest.skip("the system does not say which processes are the same")
    assert take(tmp_path, "work", limit_s=900)
    change(tmp_path, process=os.getpid(), started="1")
    assert take(tmp_path, "work", limit_s=900)


def taken_elsewhere(root: Path, monkeypatch: pytest.MonkeyPatch, *, ahead_s: float, limit_s: float) -> str:
    """A lease of a machine whose clock is off, and which has died."""
    with monkeypatch.context() as clock:
        clock.setattr(time, "time", lambda real=time.time: real() + ahead_s)
        token = take(root, "work", limit_s=limit_s)
    assert token
    change(root, machine="elsewhere", host="far")
    return token


@pytest.mark.parametrize("ahead_s", [7200.0, -7200.0, 0.0, 1e9])
def test_no_clock_of_a_holder_makes_its_lease_longer_or_shorter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead_s: float
) -> None:
    taken_elsewhere(tmp_path, monkeypatch, ahead_s=ahead_s, limit_s=0.3)
    began = time.monotonic()
    assert take(tmp_path, "work", limit_s=0.3) is None, "it lasts"
    while take(tmp_path, "work", limit_s=0.3) is None:
        assert time.monotonic() - began < 3
        time.sleep(0.02)
    assert time.monotonic() - began > 0.2


def test_who_looks_for_the_first_time_goes_by_the_clock_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken_elsewhere(tmp_path, monkeypatch, ahead_s=7200, limit_s=30)
    path = tmp_path / "leases" / "work.json"
    os.utime(path, (path.stat().st_atime, time.time() - 31))
    assert take(tmp_path, "work", limit_s=30)


def test_who_sees_no_change_for_long_enough_goes_by_its_own_watch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken_elsewhere(tmp_path, monkeypatch, ahead_s=7200, limit_s=0.2)
    path = tmp_path / "leases" / "work.json"
    os.utime(path, (path.stat().st_atime, time.time() + 9999))  # a disk whose own clock has been set back
    assert take(tmp_path, "work", limit_s=0.2) is None
    time.sleep(0.25)
    assert take(tmp_path, "work", limit_s=0.2)


def test_a_holder_that_renews_is_alive_whatever_its_clock_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = taken_elsewhere(tmp_path, monkeypatch, ahead_s=-7200, limit_s=0.3)
    monkeypatch.setattr(time, "time", lambda: 5.0)  # and it stands still
    for _ in range(5):
        assert take(tmp_path, "work", limit_s=0.3) is None
        time.sleep(0.1)
        assert renew(tmp_path, "work", token, limit_s=0.3)


DAMAGED = (
    b'{"until": "abc"}', b"null", b"[]", b"7", b'"text"', b"", b"{", b"\xff\xfe", b'{"until": null}', b'{"process": "many", "machine": "m"}',
    b'{"until": NaN}', b'{"until": 1e999, "limit_s": -5}', b'{"limit_s": "soon"}', b'{"limit_s": true}', b'{"token": 5, "host": [], "started": {}}',
    b'{"process": 1e300}', b'{"process": -1, "until": 99999999999}', b"[" * 100_000, b'{"until": 1' + b"0" * 400 + b"}",
)  # fmt: skip


@pytest.mark.parametrize("data", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_lease_is_no_error_and_ends(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "leases" / "work.json"
    path.parent.mkdir()
    path.write_bytes(data)
    assert take(tmp_path, "work", limit_s=900) is None
    assert isinstance(holder_text(tmp_path, "work"), str)
    assert isinstance(holder(tmp_path, "work"), dict)
    give_back(tmp_path, "work", "a token")
    assert not renew(tmp_path, "work", "a token", limit_s=9)
    os.utime(path, (0, time.time() - 3600))
    assert expired(path, 900)
    assert take(tmp_path, "work", limit_s=900)


@pytest.mark.skipif(not _machine(), reason="the system does not say which processes are the same")
@pytest.mark.parametrize("process", ["1", None, 1.5, [], -4, True, 10**30])
def test_a_process_that_is_no_number_says_nothing(tmp_path: Path, process: object) -> None:
    assert take(tmp_path, "work", limit_s=900)
    change(tmp_path, process=process)
    assert take(tmp_path, "work", limit_s=900) is None


def test_a_lease_of_an_earlier_version_ends_when_it_says(tmp_path: Path) -> None:
    path = tmp_path / "leases" / "work.json"
    path.parent.mkdir()
    path.write_text(
        json.dumps(
            {"token": "t", "until": time.time() - 1, "host": "h", "process": 1, "machine": "elsewhere", "started": "1"}
        )
    )
    assert take(tmp_path, "work", limit_s=900)
