"""Stage 5: unit vectors of the training problems, each computed once, and their clusters."""

import time
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from assay.core.identity import content_id
from assay.core.ports import Encoder
from assay.embedding.choose import choose_k
from assay.embedding.cluster import Clustering, cluster, find_device
from assay.embedding.tfidf import fit_revision
from assay.pipelines.context.results import PoolColumns, Remaining, StageKey, StageResult
from assay.pipelines.context.run import RunContext
from assay.pipelines.context.stage import Stage
from assay.pipelines.data.embeddings import build_encoder, store_vectors, stored_vectors, vector_id
from assay.pipelines.data.problems import side_ids, side_texts, stream_distinct_texts


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
    def texts(self) -> list[str]:
        """Their texts, read once."""
        return side_texts(self.context, self.inputs, "train")

    @cached_property
    def encoder(self) -> Encoder:
        """The config's encoder; "tfidf" is fitted to these texts."""
        return build_encoder(self.context, lambda: self.texts)

    @cached_property
    def revision(self) -> str:
        """The encoder's revision; that of "tfidf" is known without holding a text."""
        if self.context.config.embed.encoder != "tfidf":
            return self.encoder.revision
        return fit_revision(stream_distinct_texts(self.context, self.inputs, "train"))

    def compute_key(self) -> StageKey:
        """Hash the encoder, the settings of the clustering and the ids."""
        config = self.context.config.embed
        return StageKey.of(content_id("embed", self.revision, config.clusters, config.seed, self.ids))

    def remaining(self) -> Remaining:
        """Count the texts without a vector of this encoder."""
        stored = self.context.lake.ids("vectors", [vector_id(id_, self.revision) for id_ in self.ids])
        return Remaining(texts=len(self.ids) - len(stored), rows_in=len(self.ids))

    def run(self) -> StageResult:
        """Encode what has no vector yet, and cluster all problems that have one."""
        began, context, config = time.monotonic(), self.context, self.context.config.embed
        encoded = store_vectors(context, self.encoder, dict(zip(self.ids, self.texts, strict=True)))
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
        }
        result = StageResult(self.name, self.key, len(self.ids), len(ids), detail, time.monotonic() - began)
        return context.finish(result, {"clusters": _rows(self.key.rows, ids, clusters)})

    @classmethod
    def preflight(cls, context: RunContext) -> None:
        """Find a missing encoder or GPU before anything is paid for."""
        find_device(context.config.embed.device)
        if context.config.embed.encoder != "policy":  # its checkpoint is the engine's
            build_encoder(context, tuple)


def _rows(clustering: str, ids: Sequence[str], clusters: Clustering) -> list[dict[str, Any]]:
    return [
        {
            "id": content_id("cluster", clustering, id_),
            "clustering_id": clustering,
            "problem_id": id_,
            "cluster": int(own),
            "similarity": float(similarity),
        }
        for id_, own, similarity in zip(ids, clusters.assignment, clusters.similarity, strict=True)
    ]
