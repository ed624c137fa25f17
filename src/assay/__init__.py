"""assay: which training problems are worth your GPU hours.

    import assay

    pool = assay.problems("mine.jsonl", prompt="question", answer="answer")
    scores = assay.score(pool, model="Qwen/Qwen3-1.7B", engine="vllm", attempts=8, lake=".assay/lake")
    chosen = assay.select(scores, "frontier", budget=2_000)
    chosen.to_dataset()

`problems` takes a `datasets.Dataset`, a data frame, an Arrow table, a list of dicts or files. The stages `ingest`,
`clean`, `split`, `score`, `embed`, `select`, `order` and `train` also take a config (a path, a mapping or a `Config`);
each does what the lake does not hold yet. `Lake` opens what they wrote. `grade` judges one answer against its gold
answer. Parts are classes: `from assay.selectors import Frontier`.
"""

from typing import Any

__version__ = "0.1.0"
_STAGES = ("ingest", "clean", "split", "score", "embed", "select", "order", "train")
_TYPES = ("Clusters", "Config", "Curriculum", "Lake", "ProblemRows", "Problems", "Scores", "Selection", "Training")
__all__ = [*_TYPES, "grade", "problems", "read_config", *_STAGES]


def __getattr__(name: str) -> Any:
    """Imports what is named, when it is named: `import assay` alone loads nothing."""
    if name not in __all__ and name not in _added():
        raise AttributeError(f"module 'assay' has no attribute {name!r}")
    if name == "grade":  # which needs no lake
        from assay.pipelines.analysis.grade import grade

        return grade
    from assay import api

    return getattr(api, name)


def __dir__() -> list[str]:
    """What there is to be named, for completion."""
    return sorted({*__all__, *_added(), "__version__"})


def _added() -> tuple[str, ...]:
    """The stages of the list that every command follows, those included that were added to it."""
    from assay.pipelines.stages import stage_names

    return stage_names()
