"""Stage 5: unit vectors of the training problems, each computed once, and their clusters."""

import time
from collections.abc import Iterator, Sequence
from functools import cached_property

import pyarrow as pa

from assay.core.identity import content_id, content_ids
from assay.core.ports import Encoder
from assay.embedding.choose import choose_k
from assay.embedding.cluster import Clustering, cluster, find_device
from assay.embedding.half_precision import half_revision
from assay.embedding.tfidf import DIMS, FIT_TEXTS, TOKEN, WORDS, fit_revision
from assay.pipelines.context.results import PoolColumns, Remaining, StageKey, StageResult
from assay.pipelines.context.run import RunContext
from assay.pipelines.context.stage import Stage
from assay.pipelines.data.embeddings import build_encoder, store_vectors_of, stored_vectors
from assay.pipelines.data.problems import side_ids, stream_distinct_texts, stream_texts

FITTED = (
    "SELECT json_extract_string(detail, '$.encoder') AS encoder FROM stages "
    "WHERE stage = 'embed' AND json_extract_string(detail, '$.corpus') = ? LIMIT 1"
)
MANY_TEXTS = 2_000  # that the packaged encoder encodes without a word
STORED = "SELECT count(DISTINCT problem_id) AS n FROM vectors SEMI JOIN wanted USING (problem_id) WHERE encoder = ?"


class Embed(Stage):
    """Encode those problems of the train side that this encoder has not encoded yet, and cluster all of them."""

    name = "embed"
    rows_query = "SELECT * FROM clusters WHERE clustering_id = ? ORDER BY problem_id"
    columns = PoolColumns("clusters WHERE clustering_id = ?", {"cluster": "cluster"})

    @cached_property
    def ids(self) -> list[str]:
        """The problems that are embedded, ascending."""
        return side_ids(self.context, self.inputs, "train")

    @cached_property
    def encoder(self) -> Encoder:
        """The config's encoder; "tfidf" is fitted to their texts, in a stream."""
        return build_encoder(self.context, self._texts, ordered=True)

    @cached_property
    def revision(self) -> str:
        """The encoder's revision; that of "tfidf" is computed without a text in memory, and read once."""
        if self.context.config.embed.encoder != "tfidf":
            return self.encoder.revision
        stored = self.context.lake.rows(FITTED, [self._corpus])
        if stored:
            return str(stored[0]["encoder"])
        fitted = fit_revision(self._texts())
        return half_revision(fitted) if self._precision else fitted

    @property
    def _precision(self) -> list[str]:
        """What a hash names of the precision: nothing of the default, so that keys from before it stay."""
        precision = self.context.config.embed.precision
        return [] if precision == "float32" else [precision]

    @cached_property
    def _corpus(self) -> str:
        """What "tfidf" is fitted to: a problem's id is the hash of its text."""
        return content_id("corpus", TOKEN, DIMS, WORDS, FIT_TEXTS, *self._precision, self.ids)

    def _texts(self) -> Iterator[str]:
        return stream_distinct_texts(self.context, self.inputs, "train")

    def compute_key(self) -> StageKey:
        """Hash the encoder, the settings of the clustering and the ids."""
        config = self.context.config.embed
        return StageKey.of(content_id("embed", self.revision, config.clusters, config.seed, self.ids))

    def remaining(self) -> Remaining:
        """Count the texts without a vector of this encoder."""
        wanted = {"wanted": pa.table({"problem_id": pa.array(self.ids, pa.string())})}
        n_stored = self.context.lake.query(STORED, [self.revision], wanted)["n"][0].as_py()
        return Remaining(texts=len(self.ids) - n_stored, rows_in=len(self.ids))

    def run(self) -> StageResult:
        """Encode what has no vector yet, and cluster all problems that have one."""
        began, context, config = time.monotonic(), self.context, self.context.config.embed
        self._mention_tfidf()
        texts = stream_texts(context, self.inputs, "train")
        encoded, _ = store_vectors_of(context, self.encoder, texts, len(self.ids))
        ids, vectors = stored_vectors(context, self.ids, self.encoder.revision)
        if not ids:
            return context.finish(StageResult(self.name, self.key, 0, 0, {"clusters": 0}, time.monotonic() - began))
        k = config.clusters
        if k == "auto":
            k = choose_k(vectors, seed=config.seed, device=config.device)[0]
        clusters = cluster(vectors, k, seed=config.seed, device=config.device)
        detail = {
            "clusters": len(clusters.centroids),
            "device": clusters.device,
            "encoded": encoded,
            "encoder": self.encoder.revision,
            **({"corpus": self._corpus} if config.encoder == "tfidf" else {}),
        }
        result = StageResult(self.name, self.key, len(self.ids), len(ids), detail, time.monotonic() - began)
        return context.finish(result, {"clusters": _rows(self.key.rows, ids, clusters, context.run)})

    def _mention_tfidf(self) -> None:
        """Say how to do without the packaged encoder where its texts take minutes, which on a CPU are a few thousand."""
        n_texts = self.remaining().texts or 0
        if self.context.config.embed.encoder == "minilm" and n_texts >= MANY_TEXTS:
            self.context.reporter.say(
                f"encoding {n_texts} texts with all-MiniLM-L6-v2, some 40 per second on a core; "
                'embed.encoder = "tfidf" needs no weights and takes a fraction of that'
            )

    @classmethod
    def preflight(cls, context: RunContext) -> None:
        """Find a missing encoder or GPU before anything is paid for."""
        find_device(context.config.embed.device)
        if context.config.embed.encoder != "policy":  # its checkpoint is the engine's
            build_encoder(context, tuple)


def _rows(clustering: str, ids: Sequence[str], clusters: Clustering, run: str) -> pa.Table:
    columns = {
        "id": content_ids("cluster", clustering, last=ids),
        "clustering_id": pa.repeat(pa.scalar(clustering), len(ids)),
        "problem_id": pa.array(ids, pa.string()),
        "cluster": clusters.assignment,
        "similarity": clusters.similarity,
        "run": pa.repeat(pa.scalar(run), len(ids)),
    }
    return pa.table(columns)
