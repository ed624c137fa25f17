"""A process that is shut in, asked what it still can."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from assay.verifiers.isolation.confinement import landlock_version
from assay.verifiers.isolation.worker_rights import confine_worker, list_import_paths

pytestmark = pytest.mark.skipif(not landlock_version(), reason="a kernel without Landlock")


def in_shut_child(act):
    end, start = os.pipe()
    child = os.fork()
    if not child:
        try:
            confine_worker([start])
            answer = str(act())
        except BaseException as error:  # noqa: BLE001  # its name is the answer
            answer = type(error).__name__
        os.write(start, answer.encode())
        os._exit(0)
    os.close(start)
    with os.fdopen(end) as file:
        answer = file.read()
    os.waitpid(child, 0)
    return answer


@pytest.mark.parametrize(
    "act",
    [
        lambda: Path("/etc/passwd").read_text(),
        lambda: Path(f"/proc/{os.getppid()}/environ").read_bytes(),
        lambda: Path("/proc/self/environ").read_bytes(),
        lambda: os.listdir(os.path.expanduser("~")),
        lambda: os.listdir("/"),
        lambda: Path("/tmp/written").write_text(""),
        lambda: os.mkdir("/tmp/made-by-a-judge"),
        lambda: socket.socket(),
        lambda: socket.socket(socket.AF_UNIX),
        lambda: subprocess.run(["/bin/true"]),
        lambda: os.execv(sys.executable, [sys.executable]),
        lambda: os.fork(),
        lambda: os.kill(os.getppid(), 0),
        lambda: os.chmod("/tmp", 0o777),
    ],
)
def test_nothing_outside_can_be_read_written_started_or_spoken_to(act):
    assert in_shut_child(act) == "PermissionError"


def test_what_is_installed_can_still_be_imported():
    assert in_shut_child(lambda: __import__("wave").__name__) == "wave"
    assert in_shut_child(lambda: __import__("sympy.physics.optics").__name__) == "sympy"


def test_the_folder_that_the_caller_works_in_is_not_among_what_is_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not any(str(tmp_path).startswith(path) for path in list_import_paths())
