from pathlib import Path

import pytest

from assay.core.errors import ConfigError
from assay.engines.models import catalog

NAME = "smollm2-135m-instruct"


def test_a_models_folder_carries_the_identity_of_its_bytes(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    assert catalog.install_folder(NAME) == tmp_path / "models" / f"{NAME}-b179c9523d0e6a0f"


def test_what_is_not_installed_is_refused_with_the_command_and_what_is_is_its_gguf(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    with pytest.raises(ConfigError, match=rf"'{NAME}' is not installed: {catalog.INSTALL}$"):
        catalog.find_installed(NAME)
    catalog.install_folder(NAME).mkdir(parents=True)
    path = catalog.install_folder(NAME) / "SmolLM2-135M-Instruct.Q4_1.gguf"
    path.touch()
    assert catalog.find_installed(NAME) == path


def test_a_bundled_model_lies_in_the_package_and_any_other_name_is_a_path():
    assert (catalog.locate_model("tiny-arithmetic") / "config.json").is_file()
    assert catalog.locate_model("~/weights") == Path.home() / "weights"


@pytest.mark.parametrize(
    ("name", "hub"),
    [
        ("lab/model", True),
        ("lab/model-1.5_b", True),
        ("./folder", False),
        ("/a/b", False),
        ("a/b/c", False),
        ("model", False),
    ],
)
def test_a_hub_id_is_an_owner_and_a_name(name, hub):
    assert bool(catalog.HUB_ID.match(name)) == hub


def test_an_unknown_name_gets_its_neighbour():
    assert "nearest: 'tiny-arithmetic'" in str(catalog.unknown_model("tiny-arithmetics"))
