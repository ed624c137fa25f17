"""Which files a program's root is made of."""

import os
import sys

from assay.verifiers.jail import root
from assay.verifiers.jail.root import _drop_nested, _resolve_links, interpreter_paths


def test_the_interpreter_and_its_library_are_shown_and_nothing_of_a_user():
    paths = interpreter_paths()
    for needed in (os.path.dirname(os.__file__), os.path.realpath(sys.executable)):
        assert any(needed == path or needed.startswith(f"{path}/") for path in paths)
    assert not {"/", "/etc", "/home", "/tmp", "/usr", "/var", os.getcwd(), os.path.expanduser("~")} & set(paths)


def test_a_folder_inside_another_is_shown_once():
    assert _drop_nested(["/usr/lib/x", "/usr/lib", "/usr/lib64", "/usr/lib/"]) == ["/usr/lib", "/usr/lib64"]


def test_links_are_followed_within_the_old_root(tmp_path, monkeypatch):
    old = tmp_path / "old"
    (old / "usr/lib").mkdir(parents=True)
    (old / "lib").symlink_to("usr/lib")
    (old / "usr/lib/absolute").symlink_to("/usr/lib/file")
    (old / "usr/lib/up").symlink_to("../../../../../usr/lib")
    monkeypatch.setattr(root, "OLD", str(old))
    assert _resolve_links("/lib/absolute") == f"{old}/usr/lib/file"
    assert _resolve_links("/lib/up/file") == f"{old}/usr/lib/file"
