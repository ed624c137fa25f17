"""Unit vectors of texts, each computed once by an encoder and then read from the lake."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from assay.core.errors import ConfigError
from assay.core.identity import content_id
from assay.core.ports import Encoder
from assay.core.types import Problem
from assay.embedding.encode import load_encoder
from assay.embedding.hidden import HiddenStates
from assay.engines.models import registry
from assay.pipelines.context.run import RunContext

WAVE = 2048  # texts encoded between commits


def build_encoder(context: RunContext, texts: Callable[[], Iterable[str]]) -> Encoder:
    """Build the config's encoder; "policy" = the policy's own hidden states.

    Args:
        context: the run.
        texts: called only for an encoder that is fitted to them, which is "tfidf".

    Raises:
        ConfigError: a missing extra, file or model, or a policy without a checkpoint that transformers reads.
    """
    config = context.config
    if config.embed.encoder != "policy":
        return load_encoder(config.embed.encoder, texts=texts() if config.embed.encoder == "tfidf" else ())
    if config.policy.engine in ("scripted", "replay"):
        raise ConfigError(f"embed.encoder is 'policy', but engine {config.policy.engine!r} has no hidden states")
    return HiddenStates(registry.find_checkpoint(config.policy.model, config.policy.revision), context.policy.revision)


class CachedEncoder:
    """An encoder that reads vectors from the lake, and encodes and stores only those that are not there.

    A text of one of `problems` is stored under that problem's id, so that the embed stage finds the vectors of a
    filter, chats included. Any other text is stored under the id that a problem of this one user turn would have.
    """

    def __init__(
        self, context: RunContext, encoder: Encoder, problems: Mapping[str, Problem] = MappingProxyType({})
    ) -> None:
        self.context, self.coder = context, encoder
        self.owners = {
            problem.text: id_ for id_, problem in sorted(problems.items(), reverse=True)
        }  # of equal texts, the smallest id

    @property
    def revision(self) -> str:
        """The revision of the encoder behind it."""
        return self.coder.revision

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors of shape (n, d), one row per text.

        Raises:
            ValueError: stored vectors of this revision have another dimension than new ones.
        """
        if not texts:
            return self.coder.encode([])
        owner = {text: self.owners.get(text) or Problem.of(text).id for text in dict.fromkeys(texts)}
        store_vectors(self.context, self.coder, {id_: text for text, id_ in owner.items()})
        ids, vectors = stored_vectors(self.context, sorted(owner.values()), self.coder.revision)
        row = {id_: at for at, id_ in enumerate(ids)}
        return vectors[[row[owner[text]] for text in texts]]


def vector_id(problem_id: str, revision: str) -> str:
    """Return the id of a problem's vector by an encoder's revision."""
    return content_id("vector", problem_id, revision)


def store_vectors(context: RunContext, encoder: Encoder, texts: Mapping[str, str]) -> int:
    """Encode and commit the vectors that the lake lacks.

    Args:
        context: the run.
        encoder: that makes them.
        texts: by problem id.

    Returns:
        The number of texts that were encoded, each once however many problems share it.

    Raises:
        ValueError: the encoder's vectors have another dimension than the stored ones of the same revision.
    """
    known = context.lake.ids("vectors", [vector_id(id_, encoder.revision) for id_ in texts])
    held = {text: id_ for id_, text in texts.items() if vector_id(id_, encoder.revision) in known}
    fresh: dict[str, list[str]] = {}  # text -> problems that lack its vector
    for id_, text in texts.items():
        if vector_id(id_, encoder.revision) not in known:
            fresh.setdefault(text, []).append(id_)
    shared = [text for text in fresh if text in held]
    if shared:
        ids, vectors = stored_vectors(context, sorted(held[text] for text in shared), encoder.revision)
        vector_of = dict(zip(ids, vectors, strict=True))
        _commit(context, encoder.revision, [(id_, vector_of[held[text]]) for text in shared for id_ in fresh.pop(text)])
    return _encode(context, encoder, fresh)


def _encode(context: RunContext, encoder: Encoder, fresh: Mapping[str, Sequence[str]]) -> int:
    before = (
        context.lake.rows("SELECT DISTINCT dim FROM vectors WHERE encoder = ? ORDER BY dim", [encoder.revision])
        if fresh
        else []
    )
    texts = list(fresh)
    with context.reporter.track("vectors", len(texts)) as bar:
        for start in range(0, len(texts), WAVE):
            wave = texts[start : start + WAVE]
            entered = time.monotonic()
            vectors = _encode_wave(encoder, wave, fresh)
            context.meter.encoder_s += time.monotonic() - entered
            if before and before[0]["dim"] != vectors.shape[1]:
                raise ValueError(
                    f"encoder {encoder.revision} gives {vectors.shape[1]} dimensions, "
                    f"but its stored vectors have {before[0]['dim']}"
                )
            _commit(
                context,
                encoder.revision,
                [(id_, vector) for text, vector in zip(wave, vectors, strict=True) for id_ in fresh[text]],
            )
            bar.advance(len(wave))
            context.heed()
    return len(texts)


def _encode_wave(encoder: Encoder, wave: Sequence[str], owners: Mapping[str, Sequence[str]]) -> NDArray[np.float32]:
    """Encode texts; where the encoder refuses them, raise its error with the id of the first text that it refuses."""
    try:
        return encoder.encode(wave)
    except ValueError:
        for text in wave:
            try:
                encoder.encode([text])
            except ValueError as error:
                raise ValueError(f"encoder {encoder.revision} on problem {owners[text][0]!r}: {error}") from error
        raise


def _commit(context: RunContext, revision: str, vectors: Sequence[tuple[str, NDArray[np.float32]]]) -> None:
    rows = [
        {"id": vector_id(id_, revision), "problem_id": id_, "encoder": revision, "dim": len(vector), "vector": vector}
        for id_, vector in vectors
    ]
    context.append({"vectors": rows})


def stored_vectors(context: RunContext, ids: list[str], revision: str) -> tuple[list[str], NDArray[np.float32]]:
    """Read stored vectors: the ids that have one, ascending, and their unit vectors, float32 of shape (n, d)."""
    table = context.lake.query(
        "SELECT problem_id, vector FROM vectors WHERE encoder = ? AND problem_id IN (SELECT unnest(?::VARCHAR[])) "
        "QUALIFY row_number() OVER (PARTITION BY id) = 1 ORDER BY problem_id",
        [revision, ids],
    )
    rows = table["vector"].combine_chunks()
    flat = np.asarray(pa.compute.list_flatten(rows), dtype=np.float32)
    return table["problem_id"].to_pylist(), flat.reshape(len(rows), -1) if len(rows) else np.zeros((0, 0), np.float32)
