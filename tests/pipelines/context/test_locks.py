"""One scheduled run at a time: who waits, who is refused, and that the dead hold nobody up. No server is needed for that."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from assay.core.identity import content_id
from assay.pipelines.context.locks import LockRefused, schedule_lock
from assay.stores.commits.lease import holder, renew, take

DEAD_S = 0.8  # far above what a renewal takes, since other processes share the cores


def silent(_text: str) -> None:
    pass


def test_a_second_run_is_refused_while_the_first_is_alive(tmp_path: Path) -> None:
    with schedule_lock(tmp_path, "nightly", overlap="refuse", dead_after_s=DEAD_S, say=silent):
        with (
            pytest.raises(
                LockRefused, match=rf"another scheduled run of 'nightly' is running \(process {os.getpid()} on"
            ),
            schedule_lock(tmp_path, "nightly", overlap="refuse", dead_after_s=DEAD_S, say=silent),
        ):
            pass
        with schedule_lock(tmp_path, "weekly", overlap="refuse", dead_after_s=DEAD_S, say=silent):
            pass  # another deployment has a turn of its own
    assert list((tmp_path / "leases").iterdir()) == []


def test_a_run_renews_its_turn_for_as_long_as_it_lasts(tmp_path: Path) -> None:
    with schedule_lock(tmp_path, "nightly", overlap="refuse", dead_after_s=DEAD_S, say=silent):
        time.sleep(2 * DEAD_S)
        assert take(tmp_path, content_id("turn", "nightly"), limit_s=DEAD_S) is None


def test_a_second_run_waits_until_the_first_ends_and_a_third_is_refused(tmp_path: Path) -> None:
    told: list[str] = []
    order: list[str] = []

    def second() -> None:
        with schedule_lock(tmp_path, "nightly", overlap="wait", dead_after_s=DEAD_S, say=told.append):
            order.append("second")

    with schedule_lock(tmp_path, "nightly", overlap="wait", dead_after_s=DEAD_S, say=silent):
        waiting = threading.Thread(target=second)
        waiting.start()
        while not told:
            time.sleep(0.05)
        with pytest.raises(LockRefused, match="another one is waiting"):  # noqa: SIM117
            with schedule_lock(tmp_path, "nightly", overlap="wait", dead_after_s=DEAD_S, say=silent):
                pass
        order.append("first")
    waiting.join(30)
    assert order == ["first", "second"]
    assert "this one waits until it ends" in told[0]


HOLDS = """
import sys, time
from assay.pipelines.context.locks import schedule_lock
with schedule_lock(sys.argv[1], "nightly", overlap="refuse", dead_after_s=float(sys.argv[2]), say=print):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("overlap", ["wait", "refuse"])
def test_a_killed_run_blocks_the_next_for_no_longer_than_its_lease(tmp_path: Path, overlap: str) -> None:
    killed = subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path), "2"], stdout=subprocess.PIPE, text=True)
    assert killed.stdout is not None
    assert killed.stdout.readline() == "held\n"
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=30)
    began = time.monotonic()
    with schedule_lock(tmp_path, "nightly", overlap=overlap, dead_after_s=2, say=silent):  # type: ignore[arg-type]
        assert time.monotonic() - began < 10


def test_a_run_that_stood_still_says_so_and_leaves_the_other_its_turn(tmp_path: Path) -> None:
    told: list[str] = []
    name = content_id("turn", "nightly")
    with schedule_lock(tmp_path, "nightly", overlap="refuse", dead_after_s=DEAD_S, say=told.append):
        (tmp_path / "leases" / f"{name}.json").unlink()  # as a taker does with a lease whose end is past
        other = take(tmp_path, name, limit_s=60)
        while not told:
            time.sleep(0.05)
    assert "considered dead" in told[0]
    assert holder(tmp_path, name)["token"] == other


def test_only_the_holder_renews_a_lease(tmp_path: Path) -> None:
    assert not renew(tmp_path, "chunk", "nobody", limit_s=9)
    token = take(tmp_path, "chunk", limit_s=1)
    assert token is not None
    before = float(str(holder(tmp_path, "chunk")["until"]))
    assert not renew(tmp_path, "chunk", "another", limit_s=9)
    assert renew(tmp_path, "chunk", token, limit_s=9)
    assert float(str(holder(tmp_path, "chunk")["until"])) > before + 7
    assert holder(tmp_path, "none") == {}


def test_a_turn_in_a_bucket_is_renewed_and_refused_too(bucket: str) -> None:
    with schedule_lock(bucket, "nightly", overlap="refuse", dead_after_s=2, say=silent):
        time.sleep(3)
        with pytest.raises(LockRefused):  # noqa: SIM117
            with schedule_lock(bucket, "nightly", overlap="refuse", dead_after_s=2, say=silent):
                pass
    assert holder(bucket, content_id("turn", "nightly")) == {}
