"""The processes around a program: what is tried before the first one, and what is removed behind one. What they hold off is test_launcher's."""

import os
import sys

import pytest

from assay.verifiers.isolation import call_filter, confinement
from assay.verifiers.jail import jail
from assay.verifiers.jail.jail import OWN_NAMESPACES, remove_folder

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="programs are run on Linux only")


def test_a_folder_is_removed_however_deep_locked_and_linked(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/file").write_text("here")
    folder = tmp_path / "folder"
    folder.mkdir()
    here = os.open(folder, os.O_RDONLY)
    for _ in range(1500):  # deeper than Python's stack, longer than a path may be
        os.mkdir("d", dir_fd=here)
        with open(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=here), "w") as file:
            file.write("x")
        there = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = there
    os.close(here)
    (folder / "link").symlink_to(tmp_path / "kept")
    (folder / "d/gone").symlink_to("nowhere")
    os.mkfifo(folder / "d/pipe")
    (folder / "locked").mkdir()
    (folder / "locked/file").write_text("x")
    (folder / "locked").chmod(0)
    remove_folder(str(folder))
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert (tmp_path / "kept/file").read_text() == "here"


def test_a_link_is_not_taken_for_the_folder(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        remove_folder(str(tmp_path / "link"))
    assert (tmp_path / "kept").is_dir()


def test_namespaces_are_tried_in_a_process_that_ends_and_a_refusal_is_told(monkeypatch):
    processes = os.open("/proc", os.O_RDONLY)
    before = os.readlink("/proc/self/ns/user")
    refused = jail._try_namespaces(processes)
    assert os.readlink("/proc/self/ns/user") == before
    assert refused == "" or "\n" not in refused
    monkeypatch.setattr(jail, "enter_namespaces", lambda kinds, *, processes: f"unshare: no {kinds}")
    assert jail._try_namespaces(processes) == f"unshare: no {OWN_NAMESPACES}"
    os.close(processes)
    assert OWN_NAMESPACES & call_filter.NEW_USER
    assert OWN_NAMESPACES & call_filter.NEW_NETWORK


def test_a_process_takes_the_map_of_its_users_from_an_open_proc():
    """A launcher's root has none of its own."""
    processes = os.open("/proc", os.O_RDONLY)
    ear, mouth = os.pipe()
    child = os.fork()
    if not child:
        refusal = confinement.enter_namespaces(call_filter.NEW_USER, processes=processes)
        os.write(mouth, f"{refusal or os.getuid()}".encode())
        os._exit(0)
    os.close(mouth)
    with os.fdopen(ear) as file:
        answer = file.read()
    os.waitpid(child, 0)
    os.close(processes)
    if answer.startswith("unshare"):
        pytest.skip(answer)
    assert answer == str(os.getuid()), "without a map it would be nobody's, 65534"


def test_without_isolation_a_program_has_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ear, mouth = os.pipe()
    child = os.fork()
    if not child:
        os.write(mouth, jail._make_place({}, -1, isolated=False).encode())
        os._exit(0)
    os.close(mouth)
    with os.fdopen(ear) as file:
        folder = file.read()
    os.waitpid(child, 0)
    assert os.path.dirname(folder) == str(tmp_path)
    assert os.stat(folder).st_mode & 0o777 == 0o700
