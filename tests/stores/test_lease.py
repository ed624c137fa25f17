"""Work that one process does at a time: a lease ends with its time, or with the process that took it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from assay.stores.lease import _machine, lease, take

TAKEN = "import sys; from assay.stores.lease import take; print(take(sys.argv[1], 'work', limit_s=900) is not None)"


def taken_by_another(root: Path) -> None:
    assert subprocess.run([sys.executable, "-c", TAKEN, str(root)], capture_output=True, text=True, check=True).stdout == "True\n"


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
