"""Unit vectors of texts, each computed once by an encoder and then read from the lake."""

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from assay.core.errors import ConfigError
from assay.core.hooks import EncoderHooks
from assay.core.identity import content_id
from assay.core.ports import Encoder
from assay.core.types import Problem
from assay.embedding.encode import load_encoder
from assay.embedding.half_precision import HalfPrecision
from assay.embedding.hidden import HiddenStates
from assay.engines.models import registry
from assay.pipelines.context.run import RunContext

WAVE = EncoderHooks.texts_per_commit
MAPPED = 1 << 28  # bytes of vectors from which on they lie in a file


def build_encoder(context: RunContext, texts: Callable[[], Iterable[str]], *, ordered: bool = False) -> Encoder:
    """Build the config's encoder; "policy" = the policy's own hidden states.

    Args:
        context: the run.
        texts: called only for an encoder that is fitted to them, which is "tfidf".
        ordered: whether these are distinct and ascending.

    Raises:
        ConfigError: a missing extra, file or model, or a policy without a checkpoint that transformers reads.
    """
    encoder = _full_encoder(context, texts, ordered=ordered)
    return HalfPrecision(encoder) if context.config.embed.precision == "float16" else encoder


def _full_encoder(context: RunContext, texts: Callable[[], Iterable[str]], *, ordered: bool) -> Encoder:
    config = context.config
    if config.embed.encoder != "policy":
        corpus = texts() if config.embed.encoder == "tfidf" else ()
        return load_encoder(config.embed.encoder, texts=corpus, ordered=ordered)
    if config.policy.engine in ("scripted", "replay"):
        raise ConfigError(
            f"embed.encoder is 'policy', but the engine {config.policy.engine!r} gives no hidden states; use another "
            "encoder"
        )
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
        # of equal texts, the smallest id
        self.owners = {problem.text: id_ for id_, problem in sorted(problems.items(), reverse=True)}

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


def vector_ids(ids: Iterable[str], revision: str) -> list[str]:
    """Return the ids of problems' vectors by an encoder's revision."""
    return [vector_id(id_, revision) for id_ in ids]


def store_vectors(
    context: RunContext, encoder: Encoder, texts: Mapping[str, str], *, advance: Callable[[int], object] = bool
) -> int:
    """Encode and commit the vectors that the lake lacks.

    Args:
        context: the run.
        encoder: that makes them.
        texts: by problem id.
        advance: called after each commit with the number of its texts.

    Returns:
        The number of texts that were encoded, each once however many problems share it.

    Raises:
        ValueError: the encoder's vectors have another dimension than the stored ones of the same revision.
    """
    ids = dict(zip(texts, vector_ids(texts, encoder.revision), strict=True))
    stored_ids = context.lake.ids("vectors", list(ids.values()))
    stored_texts = {text: id_ for id_, text in texts.items() if ids[id_] in stored_ids}
    fresh: dict[str, list[str]] = {}  # text -> problems that lack its vector
    for id_, text in texts.items():
        if ids[id_] not in stored_ids:
            fresh.setdefault(text, []).append(id_)
    shared = [text for text in fresh if text in stored_texts]
    if shared:
        having, vectors = stored_vectors(context, sorted(stored_texts[text] for text in shared), encoder.revision)
        row_of = {id_: row for row, id_ in enumerate(having)}
        owners = [(id_, row_of[stored_texts[text]]) for text in shared for id_ in fresh.pop(text)]
        _commit(context, encoder.revision, [id_ for id_, _ in owners], vectors[[row for _, row in owners]])
    return _encode(context, encoder, fresh, advance)


def store_vectors_of(
    context: RunContext, encoder: Encoder, texts: Iterable[pa.RecordBatch], total: int
) -> tuple[int, int]:
    """Encode and commit the vectors that the lake lacks, of texts that memory holds a few batches of.

    Args:
        context: the run.
        encoder: that makes them.
        texts: batches of `problem_id` and `text`, texts ascending.
        total: how many there are.

    Returns:
        The number of texts that were encoded, and that of problems.
    """
    encoded = problems = 0
    with context.reporter.track("vectors", total) as bar:
        for wave in _waves(texts, _texts_per_commit(encoder)):
            encoded += store_vectors(context, encoder, wave, advance=bar.advance)
            problems += len(wave)
    return encoded, problems


def _waves(batches: Iterable[pa.RecordBatch], size: int) -> Iterator[dict[str, str]]:
    """Yield about `size` texts at a time by problem id; equal texts stay together."""
    wave: dict[str, str] = {}
    last = ""
    for batch in batches:
        for id_, text in zip(batch["problem_id"].to_pylist(), batch["text"].to_pylist(), strict=True):
            if len(wave) >= size and text != last:
                yield wave
                wave = {}
            wave[id_] = last = text
    if wave:
        yield wave


def _encode(
    context: RunContext, encoder: Encoder, fresh: Mapping[str, Sequence[str]], advance: Callable[[int], object]
) -> int:
    query = "SELECT dim FROM vectors WHERE encoder = ? LIMIT 1"
    before = context.lake.rows(query, [encoder.revision]) if fresh else []
    texts, size = list(fresh), _texts_per_commit(encoder)
    for start in range(0, len(texts), size):
        wave = texts[start : start + size]
        entered = time.monotonic()
        vectors = _encode_wave(encoder, wave, fresh)
        context.meter.encoder_s += time.monotonic() - entered
        if before and before[0]["dim"] != vectors.shape[1]:
            raise ValueError(
                f"encoder {encoder.revision} gives {vectors.shape[1]} dimensions, "
                f"but its stored vectors have {before[0]['dim']}"
            )
        owners = [(id_, row) for row, text in enumerate(wave) for id_ in fresh[text]]
        _commit(context, encoder.revision, [id_ for id_, _ in owners], vectors[[row for _, row in owners]])
        advance(len(wave))
        context.heed()
    return len(texts)


def _texts_per_commit(encoder: Encoder) -> int:
    return getattr(encoder, "texts_per_commit", None) or WAVE


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


def _commit(context: RunContext, revision: str, ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
    rows, dim = vectors.shape
    ends = pa.array(np.arange(rows + 1, dtype=np.int32) * np.int32(dim))
    columns = {
        "id": pa.array(vector_ids(ids, revision), pa.string()),
        "problem_id": pa.array(ids, pa.string()),
        "encoder": pa.repeat(pa.scalar(revision), rows),
        "dim": np.full(rows, dim),
        "vector": pa.ListArray.from_arrays(ends, pa.array(np.ascontiguousarray(vectors, np.float32).ravel())),
        "run": pa.repeat(pa.scalar(context.run), rows),
    }
    context.append({"vectors": pa.table(columns)})


def stored_vectors(context: RunContext, ids: Sequence[str], revision: str) -> tuple[list[str], NDArray[np.float32]]:
    """Read stored vectors: the ids that have one, ascending, and their unit vectors, float32 of shape (n, d).

    More than MAPPED bytes of vectors lie in a file that is mapped into memory, and go with the array.
    """
    pool_vectors = "vectors SEMI JOIN wanted USING (problem_id) WHERE encoder = ?"
    lake, wanted = context.lake, {"wanted": pa.table({"problem_id": pa.array(ids, pa.string())})}
    having = lake.query(f"SELECT DISTINCT problem_id FROM {pool_vectors} ORDER BY problem_id", [revision], wanted)[0]
    if not len(having):
        return [], np.zeros((0, 0), np.float32)
    dim = lake.rows("SELECT dim FROM vectors WHERE encoder = ? LIMIT 1", [revision])[0]["dim"]
    vectors = _room(len(having), dim)
    places = having.combine_chunks()
    for batch in lake.stream(f"SELECT problem_id, vector FROM {pool_vectors}", [revision], given=wanted):
        own = pa.compute.index_in(batch["problem_id"], value_set=places).to_numpy()
        vectors[own] = np.asarray(pa.compute.list_flatten(batch["vector"])).reshape(len(own), dim)
    return having.to_pylist(), vectors


def _room(rows: int, dim: int) -> NDArray[np.float32]:
    """Return an array to be filled, in memory or in a file without a name that goes with it."""
    if rows * dim * 4 <= MAPPED:
        return np.empty((rows, dim), np.float32)
    with tempfile.TemporaryFile(prefix="assay-vectors-") as file:
        return np.memmap(file, np.float32, "w+", shape=(rows, dim))
