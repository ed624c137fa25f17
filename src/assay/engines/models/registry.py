"""Models by name: which weights a name stands for, and the files that each engine reads.

A name is one of the catalogue (`smollm2-135m-instruct`, `tiny-arithmetic`), a `.gguf` file, a folder with a transformers checkpoint,
or a hub id `owner/name`. Nothing here loads a model except `checkpoint`, and that only once in a machine's life.
"""

from pathlib import Path

from assay.core.errors import ConfigError, require
from assay.core.folders import cache
from assay.core.types import Policy
from assay.engines.models.catalog import (
    BUNDLED,
    CATALOGUE,
    HUB_ID,
    NAMES,
    REVISION_CHARS,
    Packaged,
    installed,
    place,
    unknown,
)
from assay.engines.models.install import arriving, install, state, unpack
from assay.engines.models.loading import quiet, share_cores
from assay.engines.models.weights import check, commit, file_identity, folder_identity, snapshot

__all__ = [
    "BUNDLED",
    "CATALOGUE",
    "NAMES",
    "Packaged",
    "cache",
    "checkpoint",
    "gguf",
    "install",
    "quiet",
    "revision",
    "share_cores",
    "state",
    "unpack",
]


def revision(model: str, hub_revision: str = "") -> Policy:
    """The policy of a model: its name as given, and the first 16 hexadecimal digits of its weights' identity.

    The identity is a GGUF's SHA-256 (for a catalogue model under every engine, so that llamacpp and transformers share rollouts), a
    hash over a folder's weights, tokenizer and template, or a hub model's commit. No model is loaded.

    Raises:
        ConfigError: there is no such model.
    """
    if model in CATALOGUE:
        return Policy(model, CATALOGUE[model].sha256[:REVISION_CHARS])
    path = place(model)
    if path.is_file() and path.suffix == ".gguf":
        return Policy(
            model, file_identity(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns)[:REVISION_CHARS]
        )
    if path.is_dir():
        return Policy(model, folder_identity(path)[:REVISION_CHARS])
    if HUB_ID.match(model):
        return Policy(model, commit(model, hub_revision)[:REVISION_CHARS])
    raise unknown(model)


def gguf(model: str) -> Path:
    """The GGUF that llama.cpp reads for a model.

    Raises:
        ConfigError: not installed, no such file, or a checkpoint that another engine reads.
    """
    if model in CATALOGUE:
        return installed(model)
    path = place(model)
    if path.is_file() and path.suffix == ".gguf":
        return path
    if path.is_dir() or HUB_ID.match(model):
        raise ConfigError(
            f"model {model!r} is no .gguf file, and llamacpp reads nothing else; engine 'transformers' reads folders and hub ids"
        )
    raise unknown(model)


def checkpoint(model: str, hub_revision: str = "") -> Path:
    """The folder with an ordinary transformers checkpoint of a model.

    A catalogue model's is de-quantised to float32 at the first call (about 90 s and 540 MB) and reused for ever after.

    Raises:
        ConfigError: not installed, no such folder, or a file that another engine reads.
    """
    if model in CATALOGUE:
        target = installed(model).parent / "checkpoint"
        return target if target.is_dir() else _dequantise(installed(model), target)
    path = place(model)
    if path.is_dir():
        check(path)
        return path
    if path.suffix == ".gguf":
        raise ConfigError(
            f"model {model!r} is a .gguf file, and transformers reads folders and hub ids; engine 'llamacpp' reads it"
        )
    if HUB_ID.match(model):
        return snapshot(model, hub_revision)
    raise unknown(model)


def _dequantise(source: Path, target: Path) -> Path:
    transformers, torch = require("transformers", extra="train"), require("torch", extra="train")
    for needed in ("gguf", "accelerate"):  # transformers asks for both, late and in other words
        require(needed, extra="train")
    where = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
    with quiet():
        tokenizer = transformers.AutoTokenizer.from_pretrained(**where)
        model = transformers.AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
    model.hf_quantizer, model.is_quantized = (
        None,
        False,
    )  # it still believes itself quantised, and would refuse to be saved
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    with arriving(target) as folder, quiet():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return target
