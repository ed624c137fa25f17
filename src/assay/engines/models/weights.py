"""Identify the weights that a file, a folder or a hub id holds, by hashes of bytes and by commits."""

import hashlib
from functools import lru_cache
from pathlib import Path

from assay.core.errors import ConfigError, require, suggest_names
from assay.core.identity import hash_file
from assay.engines.models.catalog import NAMES

IDENTITY_FILES = (  # all that can change an answer: weights, shape, tokens, template; not optimiser or trainer state
    "*.safetensors",
    "pytorch_model*.bin",
    "config.json",
    "generation_config.json",
    "adapter_config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab*",
    "merges.txt",
    "chat_template*",
)


@lru_cache(maxsize=64)
def file_identity(path: str, size: int, changed_ns: int) -> str:
    """Return the SHA-256 of a file, computed once per process for each size and time of change."""
    return hash_file(Path(path))


def folder_identity(folder: Path) -> str:
    """Return a hash over the names and bytes of all files that can change an answer.

    Raises:
        ConfigError: the folder holds no transformers checkpoint.
    """
    check_checkpoint(folder)
    digest = hashlib.sha256()
    for path in sorted({path for pattern in IDENTITY_FILES for path in folder.glob(pattern) if path.is_file()}):
        digest.update(
            f"{path.name} {file_identity(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns)}\n".encode()
        )
    return digest.hexdigest()


def check_checkpoint(folder: Path) -> None:
    """Check that a folder holds a transformers checkpoint.

    Raises:
        ConfigError: it does not.
    """
    if not (folder / "config.json").is_file() or not any(
        [*folder.glob("*.safetensors"), *folder.glob("pytorch_model*.bin")]
    ):
        inside = sorted(path.name for path in folder.glob("*.gguf"))
        hint = f"; engine 'llamacpp' reads its file {inside[0]!r}" if inside else ""
        raise ConfigError(
            f"folder {str(folder)!r} does not contain a transformers checkpoint (config.json and weights){hint}"
        )


def find_commit(model: str, hub_revision: str) -> str:
    """Return the commit of a hub model: of the copy on this machine, otherwise as the hub says.

    Raises:
        ConfigError: there is no copy, and the hub does not answer.
    """
    hub = require("huggingface_hub", extra="train")
    try:
        return fetch_snapshot(model, hub_revision, local=True).name
    except ConfigError:
        try:
            return str(hub.HfApi().model_info(model, revision=hub_revision or None, timeout=20).sha)
        except Exception as error:  # no network, no such repository, no right to read it: all end here
            raise _unreachable_model(model, error) from error


def fetch_snapshot(model: str, hub_revision: str, *, local: bool = False) -> Path:
    """Return the folder of a hub model: the copy on this machine, otherwise a new one.

    Args:
        local: True: nothing is downloaded.

    Raises:
        ConfigError: there is no copy, and none could be downloaded.
    """
    hub = require("huggingface_hub", extra="train")
    try:
        return Path(hub.snapshot_download(model, revision=hub_revision or None, local_files_only=True))
    except Exception as error:  # the hub has many ways to say that a model is not here
        if local:
            raise _unreachable_model(model, error) from error
    try:
        return Path(hub.snapshot_download(model, revision=hub_revision or None, allow_patterns=list(IDENTITY_FILES)))
    except Exception as error:
        raise _unreachable_model(model, error) from error


def _unreachable_model(model: str, error: Exception) -> ConfigError:
    reason = next(iter(str(error).splitlines()), "") or type(error).__name__
    return ConfigError(
        f"model {model!r} is neither on this machine nor available from the hub: {reason}; "
        f"{suggest_names(model, NAMES)}"
    )
