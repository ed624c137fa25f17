"""Look up models by name: which weights a name stands for, and the files that each engine reads.

A name is one of the catalogue (`smollm2-135m-instruct`, `tiny-arithmetic`), a `.gguf` file, a folder with a
transformers checkpoint, or a hub id `owner/name`. Nothing here loads a model, except that `find_checkpoint` converts a
catalogue model once per machine.
"""

from pathlib import Path

from assay.core.errors import ConfigError, require
from assay.core.types import Policy
from assay.engines.models.catalog import (
    BUNDLED,
    CATALOGUE,
    HUB_ID,
    NAMES,
    REVISION_CHARS,
    PackagedModel,
    find_installed,
    locate_model,
    unknown_model,
)
from assay.engines.models.install import describe_install, install, staging_folder, unpack
from assay.engines.models.loading import hide_progress_bars, share_cores
from assay.engines.models.weights import check_checkpoint, fetch_snapshot, file_identity, find_commit, folder_identity

__all__ = [
    "BUNDLED",
    "CATALOGUE",
    "NAMES",
    "PackagedModel",
    "describe_install",
    "find_checkpoint",
    "find_gguf",
    "hide_progress_bars",
    "identify_policy",
    "install",
    "share_cores",
    "unpack",
]


def identify_policy(model: str, hub_revision: str = "") -> Policy:
    """Return a model's name as given and the first 16 hexadecimal digits of its weights' identity.

    The identity is a GGUF's SHA-256 (for a catalogue model under every engine, so that llamacpp and transformers share
    rollouts), a hash over a folder's weights, tokenizer and template, or a hub model's commit. No model is loaded.

    Raises:
        ConfigError: there is no such model.
    """
    if model in CATALOGUE:
        return Policy(model, CATALOGUE[model].sha256[:REVISION_CHARS])
    path = locate_model(model)
    if path.is_file() and path.suffix == ".gguf":
        return Policy(
            model, file_identity(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns)[:REVISION_CHARS]
        )
    if path.is_dir():
        return Policy(model, folder_identity(path)[:REVISION_CHARS])
    if HUB_ID.match(model):
        return Policy(model, find_commit(model, hub_revision)[:REVISION_CHARS])
    raise unknown_model(model)


def find_gguf(model: str) -> Path:
    """Return the GGUF that llama.cpp reads for a model.

    Raises:
        ConfigError: not installed, no such file, or a checkpoint that another engine reads.
    """
    if model in CATALOGUE:
        return find_installed(model)
    path = locate_model(model)
    if path.is_file() and path.suffix == ".gguf":
        return path
    if path.is_dir() or HUB_ID.match(model):
        raise ConfigError(
            f"model {model!r} is not a .gguf file, and llamacpp reads nothing else; "
            "engine 'transformers' reads folders and hub ids"
        )
    raise unknown_model(model)


def find_checkpoint(model: str, hub_revision: str = "") -> Path:
    """Return the folder with an ordinary transformers checkpoint of a model.

    A catalogue model is de-quantised to float32 at the first call (about 90 s and 540 MB) and reused afterwards.

    Raises:
        ConfigError: not installed, no such folder, or a file that another engine reads.
    """
    if model in CATALOGUE:
        target = find_installed(model).parent / "checkpoint"
        return target if target.is_dir() else _dequantise_gguf(find_installed(model), target)
    path = locate_model(model)
    if path.is_dir():
        check_checkpoint(path)
        return path
    if path.suffix == ".gguf":
        raise ConfigError(
            f"model {model!r} is a .gguf file, and transformers reads folders and hub ids; engine 'llamacpp' reads it"
        )
    if HUB_ID.match(model):
        return fetch_snapshot(model, hub_revision)
    raise unknown_model(model)


def _dequantise_gguf(source: Path, target: Path) -> Path:
    transformers, torch = require("transformers", extra="train"), require("torch", extra="train")
    for module in ("gguf", "accelerate"):  # transformers needs both, and says so later and less clearly
        require(module, extra="train")
    location = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
    with hide_progress_bars():
        tokenizer = transformers.AutoTokenizer.from_pretrained(**location)
        model = transformers.AutoModelForCausalLM.from_pretrained(**location, dtype=torch.float32)
    model.hf_quantizer, model.is_quantized = None, False  # it is still marked as quantised, and would not be saved
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    with staging_folder(target) as folder, hide_progress_bars():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return target
