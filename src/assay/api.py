"""The stages as functions, for notebooks and scripts."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from assay.core.config import Config, parse_config, read_config
from assay.pipelines.analysis.grade import grade
from assay.pipelines.context.results import StageResult
from assay.pipelines.runner import stages
from assay.pipelines.runner.open_run import run_context
from assay.pipelines.stages import load_stage, stage_entries, stage_names
from assay.stores.lake import Lake

__all__ = [
    "Config",
    "Lake",
    "arrange",
    "clean",
    "embed",
    "grade",
    "ingest",
    "read_config",
    "score",
    "select",
    "split",
    "train",
]


class NullReporter:
    """A reporter (`core.ports.Reporter`) that says nothing."""

    def say(self, text: str) -> None: ...

    def warn(self, text: str) -> None: ...

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None: ...

    @contextmanager
    def track(self, title: str, total: int) -> Iterator["NullReporter"]:
        yield self

    def advance(self, amount: int = 1, *, note: str = "") -> None: ...


def _stage(name: str, does: str) -> Callable[..., pa.Table]:
    def run(config: str | Path | Mapping[str, Any] | Config, *, lake: str | Path | None = None) -> pa.Table:
        made = (
            config
            if isinstance(config, Config)
            else read_config(Path(config))
            if isinstance(config, str | Path)
            else parse_config(config)
        )
        if lake:
            made = made.model_copy(update={"lake": str(lake)})
        with run_context(made, NullReporter(), command=f"assay.{name}", upto=name) as context:
            result = stages.run_training(context) if name == "train" else stages.run_stages(context, name)[-1]
            for partial in context.partial:
                warnings.warn(_partly(partial, context.limit_reached()), stacklevel=2)
            return load_stage(name).read_rows(context.lake, result.key)

    run.__name__ = run.__qualname__ = name
    run.__doc__ = f"""{does}

    Run this stage and those before it, as far as the lake does not hold them. A limit of the config may leave a stage
    partly done: a warning says how much of it, and the same call goes on from there.

    Raises:
        ConfigError: the config, a file or a model is not as it must be; nothing was written.
        LakeError: the lake cannot be opened or written.
        EngineError: the policy cannot be asked; what was paid for is kept.
    """
    return run


def __getattr__(name: str) -> Any:
    """The function of a stage that was added to the list `pipelines.stages.STAGES`."""
    if name not in stage_names():
        raise AttributeError(f"module 'assay.api' has no attribute {name!r}")
    return _stage(name, stage_entries(name)[-1].purpose)


def _partly(result: StageResult, why: str) -> str:
    attempted = f"{result.stage} is partly done: {result.rows_out} of {result.rows_in} problems"
    return f"{attempted}; {why or 'some attempts failed'}; the same call goes on from here"


ingest = _stage("ingest", "Rows of `problems` that the plan's sources hold.")
clean = _stage("clean", "Rows of `drops`: who left, and why.")
split = _stage("split", "Rows of `splits`: the side of each problem.")
score = _stage("score", "Rows of `scores`: how hard each training problem is for the plan's policy.")
embed = _stage("embed", "Rows of `clusters`.")
select = _stage("select", "Rows of `selections`: kept or dropped, with the reason.")
arrange = _stage("arrange", "Rows of `lessons`: the curriculum in its order.")
train = _stage("train", "Rows of `train_metrics`, after training on the curriculum, which must be in the lake.")
