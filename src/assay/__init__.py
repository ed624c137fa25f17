"""assay: which training problems are worth your GPU hours.

The stages as functions: `ingest`, `clean`, `split`, `score`, `embed`, `select`, `arrange`, `train`; each takes a plan (a path, a mapping
or a `Config`), does what the lake does not hold yet, and returns its rows as a `pyarrow.Table`. `Lake` opens what they wrote. `grade` judges one
answer against its gold answer.
"""

from typing import Any

__version__ = "0.1.0"
_STAGES = ("ingest", "clean", "split", "score", "embed", "select", "arrange", "train")
__all__ = ["Lake", "Config", "grade", "read_config", *_STAGES]


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
