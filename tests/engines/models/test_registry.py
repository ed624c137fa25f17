import hashlib

import pytest

from assay.core.errors import ConfigError
from assay.engines.models import registry

NAME = "smollm2-135m-instruct"
BYTES = b"GGUF and some weights"


def test_a_model_that_is_not_installed_names_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    assert registry.describe_install(NAME) == "missing"
    for read in (registry.find_gguf, registry.find_checkpoint):
        with pytest.raises(ConfigError, match=rf"'{NAME}' is not installed: assay doctor --install-model$"):
            read(NAME)


def test_the_packaged_revision_is_that_of_its_gguf_and_needs_no_file(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    assert registry.identify_policy(NAME).revision == "b179c9523d0e6a0f"


def test_a_gguf_is_known_by_its_bytes(tmp_path):
    path = tmp_path / "model.gguf"
    path.write_bytes(BYTES)
    assert registry.identify_policy(str(path)).revision == hashlib.sha256(BYTES).hexdigest()[:16]
    path.write_bytes(BYTES + b"!")
    assert registry.identify_policy(str(path)).revision != hashlib.sha256(BYTES).hexdigest()[:16]


def test_a_folder_is_a_policy_and_given_to_llamacpp_names_the_engine_that_reads_it(tmp_path):
    folder = tmp_path / "trained"
    folder.mkdir()
    for name in ("config.json", "model.safetensors"):
        (folder / name).write_text(name)
    assert len(registry.identify_policy(str(folder)).revision) == 16
    assert registry.find_checkpoint(str(folder)) == folder
    with pytest.raises(ConfigError, match="engine 'transformers' reads folders"):
        registry.find_gguf(str(folder))


def test_a_gguf_given_to_transformers_names_the_engine_that_reads_it(tmp_path):
    (tmp_path / "model.gguf").write_bytes(BYTES)
    with pytest.raises(ConfigError, match="engine 'llamacpp' reads it"):
        registry.find_checkpoint(str(tmp_path / "model.gguf"))
    with pytest.raises(
        ConfigError, match=r"not contain a transformers checkpoint .*llamacpp' reads its file 'model.gguf'"
    ):
        registry.find_checkpoint(str(tmp_path))


@pytest.mark.parametrize("read", [registry.identify_policy, registry.find_gguf, registry.find_checkpoint])
def test_an_unknown_name_gets_its_neighbours(read):
    with pytest.raises(ConfigError, match=f"no model 'smollm2-135m'.*nearest: '{NAME}'"):
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
    assert registry.identify_policy("lab/tiny").revision == commit[:16]
    assert registry.find_checkpoint("lab/tiny") == home / "snapshots" / commit


def test_a_hub_model_that_cannot_be_reached_is_one_line(tmp_path, monkeypatch):
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigError, match="'lab/none' is neither on this machine nor available") as caught:
        registry.identify_policy("lab/none")
    assert "\n" not in str(caught.value)


@pytest.mark.model
def test_the_packaged_model_becomes_an_ordinary_checkpoint_once(packaged):
    folder = registry.find_checkpoint(packaged)
    assert folder.parent == registry.find_gguf(packaged).parent
    before = (folder / "model.safetensors").stat().st_mtime_ns
    assert registry.find_checkpoint(packaged) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == before
    assert "quantization_config" not in (folder / "config.json").read_text()
