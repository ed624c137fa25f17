"""The stages as functions. Each takes a pool, an earlier result or a config, and returns the rows that it leaves.

All of them share how they are called:

- the first argument is `Problems`, a result of another function, a `Config`, the path of a config or a mapping of its
  tables;
- `lake` is the folder (or s3:// address) that keeps every row; the same call on the same lake pays for nothing twice;
- a keyword that names a table of the config (`policy={"max_tokens": 1024}`) changes keys of that table, any other one
  is a setting of the function's own part;
- a limit may leave a stage partly done: a warning says how much of it, and the same call goes on from there.
"""

import difflib
import inspect
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, cast

from assay.api.problems import Problems
from assay.api.reporting import choose_reporter
from assay.api.results import KINDS, Clusters, CurriculumRows, ProblemRows, Scores, SelectionRows, StageRows, Training
from assay.core.config import Config, parse_config, read_config
from assay.core.errors import ConfigError
from assay.pipelines.analysis.empty_result import explain_empty
from assay.pipelines.analysis.stage_rows import read_stage_rows
from assay.pipelines.context.results import StageResult
from assay.pipelines.runner import stages
from assay.pipelines.runner.open_run import run_context
from assay.pipelines.stages import stage_entries

Input = Problems | StageRows | Config | str | Path | Mapping[str, Any]


def ingest(pool: Input, *, lake: str | Path | None = None, progress: bool | None = None, **tables: Any) -> ProblemRows:
    """Read the sources into problems and labels.

    Args:
        pool: what is read.
        lake: where rows are kept.
        progress: whether bars are shown; None = in notebooks and terminals.
        tables: changes of the config.

    Raises:
        ConfigError: the config, a file or a model is not as it must be; nothing was written.
        LakeError: the lake cannot be opened or written.
    """
    return cast(ProblemRows, _run("ingest", pool, tables, lake, progress))


def clean(pool: Input, *, lake: str | Path | None = None, progress: bool | None = None, **settings: Any) -> ProblemRows:
    """Drop empty, duplicate, contradictory and unverifiable problems; `dropped` of the result says which and why.

    Args:
        pool: what is cleaned.
        lake: where rows are kept.
        progress: whether bars are shown; None = in notebooks and terminals.
        settings: `filters=[...]`, `settings={NAME: {...}}`, or tables of the config.

    Raises:
        ConfigError: the config, a file or a model is not as it must be; nothing was written.
        LakeError: the lake cannot be opened or written.
    """
    return cast(ProblemRows, _run("clean", pool, _changes("clean", settings), lake, progress))


def split(
    pool: Input,
    *,
    held_out: int | None = None,
    lake: str | Path | None = None,
    progress: bool | None = None,
    **settings: Any,
) -> ProblemRows:
    """Hold problems out for evaluation; the column `side` says which.

    Args:
        pool: what is split.
        held_out: problems that are never scored or selected; None = as the config says.
        lake: where rows are kept.
        progress: whether bars are shown; None = in notebooks and terminals.
        settings: `seed`, or tables of the config.

    Raises:
        ConfigError: the config, a file or a model is not as it must be; nothing was written.
        LakeError: the lake cannot be opened or written.
    """
    return cast(ProblemRows, _run("split", pool, _changes("split", settings, held_out=held_out), lake, progress))


def score(
    pool: Input,
    *,
    model: str | None = None,
    engine: str | None = None,
    attempts: int | None = None,
    max_tokens: int | None = None,
    held_out: int | None = None,
    lake: str | Path | None = None,
    progress: bool | None = None,
    **settings: Any,
) -> Scores:
    """Let a model attempt each problem, and measure how hard the problem is for it.

    A raw pool is cleaned and split first, with the defaults of `[clean]` and `[split]` (`scores.config.clean` shows
    them; `clean={...}` changes them).

    Args:
        pool: problems, an earlier result or a config.
        model: from the catalogue (`assay doctor`), a folder, a .gguf file, a hub id, or the name that a server knows.
        engine: llamacpp, transformers, vllm, openai (a server) or replay; None = as the config says.
        attempts: per problem, of the scorer `pass_rate`.
        max_tokens: cap of one attempt.
        held_out: problems kept for evaluation.
        lake: where rows are kept.
        progress: whether bars are shown; None = in notebooks and terminals.
        settings: of the scorer, such as `prior="fitted"` or `allocation="adaptive"`, or tables of the config, such as
            `policy={"urls": ["http://127.0.0.1:8000/v1"], "temperature": 0.7}`.

    Raises:
        ConfigError: the config, a file or a model is not as it must be; nothing was written.
        EngineError: the model cannot be asked; what was paid for is kept.
        EvidenceError: the first attempts are no evidence, such as all cut at the cap.
        LakeError: the lake cannot be opened or written.

    Examples:
        >>> pool = assay.problems("mine.jsonl", prompt="question", answer="answer")    # doctest: +SKIP
        >>> scores = assay.score(pool, model="Qwen/Qwen3-1.7B", engine="vllm", attempts=8)    # doctest: +SKIP
    """
    changes = _changes("score", settings, n=attempts)
    _add(changes, "policy", model=model, engine=engine, max_tokens=max_tokens)
    _add(changes, "split", held_out=held_out)
    return cast(Scores, _run("score", pool, changes, lake, progress))


def embed(
    pool: Input,
    *,
    encoder: str | None = None,
    clusters: int | str | None = None,
    lake: str | Path | None = None,
    progress: bool | None = None,
    **settings: Any,
) -> Clusters:
    """Turn the training problems into unit vectors, and the vectors into clusters.

    Args:
        pool: scores, problems or a config.
        encoder: minilm, tfidf, policy, an .npz file, a folder or a hub id; None = as the config says.
        clusters: how many, or "auto".
        lake: where rows are kept.
        progress: whether bars are shown; None = in notebooks and terminals.
        settings: `seed`, `device`, or tables of the config.

    Raises:
        ConfigError: the config, a file or a model is not as it must be; nothing was written.
        LakeError: the lake cannot be opened or written.
    """
    changes = _changes("embed", settings, encoder=encoder, clusters=clusters)
    return cast(Clusters, _run("embed", pool, changes, lake, progress))


def select(
    scores: Input,
    selector: Any = None,
    *,
    budget: int | None = None,
    lake: str | Path | None = None,
    progress: bool | None = None,
    **settings: Any,
) -> SelectionRows:
    """Choose the subset to train on.

    Args:
        scores: of `score`; or a pool or a config, which is scored first.
        selector: a name such as "frontier", or a part such as `assay.selectors.Frontier(width=3)`; None = as the
            config says.
        budget: problems that stay, at most.
        lake: where rows are kept.
        progress: whether bars are shown; None = in notebooks and terminals.
        settings: of the selector, `seed`, or tables of the config, such as `embed={"encoder": "tfidf"}`.

    Raises:
        ConfigError: the config, a file or a model is not as it must be; nothing was written.
        LakeError: the lake cannot be opened or written.
    """
    changes = _changes("select", {**_part("selector", selector), **settings}, budget=budget)
    return cast(SelectionRows, _run("select", scores, changes, lake, progress))


def order(
    selection: Input,
    curriculum: Any = None,
    *,
    lake: str | Path | None = None,
    progress: bool | None = None,
    **settings: Any,
) -> CurriculumRows:
    """Put the selected problems into the order in which training meets them.

    Args:
        selection: of `select`; or a pool or a config, of which the earlier stages are done first.
        curriculum: a name such as "easy_to_hard", or a part such as `assay.curricula.EasyToHard()`; None = as the
            config says.
        lake: where rows are kept.
        progress: whether bars are shown; None = in notebooks and terminals.
        settings: of the curriculum, `seed`, or tables of the config.

    Raises:
        ConfigError: the config, a file or a model is not as it must be; nothing was written.
        LakeError: the lake cannot be opened or written.
    """
    changes = _changes("order", {**_part("curriculum", curriculum), **settings})
    return cast(CurriculumRows, _run("order", selection, changes, lake, progress))


def train(
    curriculum: Input,
    *,
    steps: int | None = None,
    lake: str | Path | None = None,
    progress: bool | None = None,
    **settings: Any,
) -> Training:
    """Train the policy on a curriculum, which must be in the lake.

    Args:
        curriculum: of `order`, or a config.
        steps: optimizer steps; None = as the config says.
        lake: where rows are kept.
        progress: whether bars are shown; None = in notebooks and terminals.
        settings: keys of `[train]`, or tables of the config.

    Raises:
        ConfigError: the config, a file or a model is not as it must be, or there is no curriculum.
        TrainingError: the training cannot go on.
        LakeError: the lake cannot be opened or written.
    """
    return cast(Training, _run("train", curriculum, _changes("train", settings, steps=steps), lake, progress))


def run_added_stage(name: str) -> Callable[..., StageRows]:
    """Return the function of a stage that was added to the list of stages."""

    def run(pool: Input, *, lake: str | Path | None = None, progress: bool | None = None, **tables: Any) -> StageRows:
        return _run(name, pool, tables, lake, progress)

    run.__name__ = run.__qualname__ = name
    run.__doc__ = stage_entries(name)[-1].purpose
    return run


def to_config(pool: Input, lake: str | Path | None = None) -> Config:
    """Return the config behind any first argument of these functions.

    Args:
        pool: problems, a result, a config, its path or its tables.
        lake: takes the place of the config's; None = the config's own.

    Raises:
        ConfigError: the config is not as it must be, or the argument is none of these.
    """
    if isinstance(pool, Problems):
        config = pool.to_config()
    elif isinstance(pool, StageRows):
        place = pool.find_lake()
        if lake is not None and str(lake) != pool.config.lake and os.path.abspath(lake) != os.path.abspath(place):
            raise ConfigError(f"these {pool.stage} rows are in the lake {pool.config.lake!r}, not in {str(lake)!r}")
        config = pool.config.model_copy(update={"lake": place})
    elif isinstance(pool, Config):
        config = pool
    elif isinstance(pool, str | Path):
        config = read_config(Path(pool))
    elif isinstance(pool, Mapping):
        config = parse_config(pool)
    else:
        raise ConfigError(
            f"{type(pool).__name__} is not a pool: assay.problems(...) makes one from data sets, data frames, lists "
            "of dicts "
            "and files"
        )
    config = config if config.folder else config.in_folder(os.getcwd())  # relative paths mean the same in later calls
    return config.model_copy(update={"lake": str(lake)}) if lake is not None else config


def _run(name: str, pool: Input, changes: dict[str, Any], lake: str | Path | None, progress: bool | None) -> StageRows:
    config = to_config(pool, lake)
    config = _change(name, config, changes)
    partial = ""
    with run_context(config, choose_reporter(progress), command=f"assay.{name}", upto=name) as context:
        results = stages.run_stages(context, name if name != "train" else "", only=name == "train")
        if name == "train":
            results = results.plus(stages.run_training(context))
        for result in context.partial:
            partial = _explain_partial(result, context.limit_reached())
            warnings.warn(partial, stacklevel=3)
        if name != "train" and (empty := explain_empty(context, results)):
            warnings.warn(empty, stacklevel=3)
        rows = read_stage_rows(context.lake, results, name)
        return KINDS.get(name, StageRows)(name, config, partial, context.run, rows, results)


def _change(name: str, config: Config, changes: Mapping[str, Any]) -> Config:
    """Return the config with what the caller set.

    Raises:
        ConfigError: it has no such key; the message suggests the function's own keyword where one is nearest.
    """
    try:
        return config.with_changes(**changes) if changes else config
    except ConfigError as error:
        name = "order" if name == "arrange" else name
        function = globals().get(name, run_added_stage)
        keywords = [key for key in inspect.signature(function).parameters if key != "settings"]
        setting_keys = [key for table in changes.values() if isinstance(table, Mapping) for key in table]
        for key in (
            key for key in setting_keys if f"no setting {key!r}" in str(error) or f"no key {key!r}" in str(error)
        ):
            if close := difflib.get_close_matches(key, keywords, n=1, cutoff=0.75):
                message = f"assay.{name} has no keyword {key!r}; nearest: {close[0]!r}"
                raise ConfigError(message) from error
        raise


def _explain_partial(result: StageResult, why: str) -> str:
    attempted = f"{result.stage} is partly done: {result.rows_out} of {result.rows_in} problems"
    return f"{attempted}; {why or 'some attempts failed'}; the same call resumes from here"


def _changes(table: str, settings: Mapping[str, Any], **keys: Any) -> dict[str, Any]:
    """Return the changes of a config: tables that `settings` name, and the rest as keys of one table."""
    changes: dict[str, Any] = {}
    for key, value in settings.items():
        if key in Config.model_fields and (isinstance(value, Mapping) or key in ("name", "source")):
            changes[key] = {**changes.get(key, {}), **value} if isinstance(value, Mapping) else value
        else:
            _add(changes, table, **{key: value})
    _add(changes, table, **keys)
    return changes


def _add(changes: dict[str, Any], table: str, **keys: Any) -> None:
    present_keys = {key: value for key, value in keys.items() if value is not None}
    if present_keys:
        changes[table] = {**changes.get(table, {}), **present_keys}


def _part(kind: str, part: Any) -> dict[str, Any]:
    """Return the keys of a config's table that name a part: by its name, or by the part itself."""
    if part is None:
        return {}
    if isinstance(part, str):
        return {kind: part}
    if isinstance(part, type) or not is_dataclass(part):
        raise ConfigError(f"a {kind} is given by name or as a part such as {kind}s.Part(...), found {part!r}")
    module = type(part).__module__
    own = module.startswith("assay.")
    name = module.rpartition(".")[2] if own else f"python:{module}:{type(part).__name__}"
    values = asdict(cast(Any, part))
    own_settings = {
        field.name: values[field.name] for field in fields(part) if getattr(part, field.name) != field.default
    }
    return {kind: name, **own_settings}
