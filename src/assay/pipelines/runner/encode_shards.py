"""Encode the texts of the embed stage with many processes on one lake; the stage then finds the vectors and clusters.

A vector is stored under its problem and encoder, so a shard that is encoded twice is stored once, and one whose worker
was lost costs what it had not committed.
"""

from assay.core.errors import ConfigError
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.embeddings import store_vectors
from assay.pipelines.data.problems import problems_by_id
from assay.pipelines.stages.embed import Embed

TEXTS = 1_024  # per shard at most
SPARE = 4  # shards per worker at least, so that none waits long for the last one
WITHOUT_WEIGHTS = ("tfidf",)  # encoders that take less time than a worker's start


class EncodingShards:
    """The training problems whose texts need vectors, in runs of ids.

    A shard is named by the places of its first and last id among all ids of the training side, ascending. So a worker
    finds its problems without a list of ids.
    """

    def __init__(self, context: RunContext, inputs: StageResults) -> None:
        self.context, self.stage = context, Embed(context, inputs)

    def left(self, workers: int) -> list[str]:
        """List the shards of texts that lack a vector; none for an encoder that needs no weights.

        Args:
            workers: how many encode at the same time.
        """
        encoder = self.context.config.embed.encoder
        if encoder in WITHOUT_WEIGHTS or encoder.endswith(".npz"):
            return []
        missing = self.stage.remaining().texts or 0
        if not missing:
            return []
        count = len(self.stage.ids)
        size = max(1, min(TEXTS, -(-count // (SPARE * workers))))
        return [f"{start}-{min(start + size, count) - 1}" for start in range(0, count, size)]

    def encode(self, name: str) -> int:
        """Encode and commit what a shard lacks; return how many texts that were.

        Raises:
            ConfigError: the config or its lake has changed, so that there is no such shard any more.
        """
        first, last = map(int, name.split("-"))
        if last >= len(self.stage.ids):
            raise ConfigError(f"the lake has changed since the run began: texts {name} are no longer there; run again")
        problems = problems_by_id(self.context, self.stage.ids[first : last + 1])
        texts = {id_: problem.text for id_, problem in sorted(problems.items(), key=lambda item: len(item[1].text))}
        return store_vectors(self.context, self.stage.encoder, texts)
