"""The stages as commands of one shape: each does its own stage and needs the earlier ones done. `score` may be one of many workers."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from assay.cli.console import ConsoleReporter
from assay.cli.runner import (
    DONE,
    PARTLY,
    AsJson,
    ConfigPath,
    LakeDir,
    RetryRefused,
    Sets,
    emit,
    exits,
    load,
    retrying,
    with_context,
)
from assay.pipelines.stages import stage_entries

AsWorker = Annotated[
    bool,
    typer.Option(
        "--worker", help="Score as one of many processes on this lake, chunk by chunk; start as many as you like."
    ),
]
Chunk = Annotated[int, typer.Option("--chunk", min=1, help="With --worker: problems that it takes at a time.")]
LeaseS = Annotated[
    float,
    typer.Option(
        "--lease-s", min=1, help="With --worker: seconds after which another may take a chunk that is not done."
    ),
]


def commands() -> dict[str, Callable[..., None]]:
    """One command per stage, in their order; each of the list `pipelines.stages.STAGES` has one."""
    return {**{entry.name: _command(entry.name, entry.purpose) for entry in stage_entries()}, "score": score}


def score(
    config: ConfigPath,
    lake: LakeDir = "",
    sets: Sets = [],
    worker: AsWorker = False,
    chunk: Chunk = 64,
    lease_s: LeaseS = 900.0,
    retry_refused: RetryRefused = False,
    as_json: AsJson = False,
) -> None:
    """Let the policy attempt each training problem, and measure how hard it is; with --worker, as one of many processes."""
    voice = ConsoleReporter()
    with exits(voice):
        made = load(config, lake, sets)

    def body(context: Any) -> int:
        if not worker:
            return _walk(retrying(context, retry_refused), "score", as_json, voice)
        from assay.pipelines.runner.score_workers import score_shards
        from assay.pipelines.sampling.shards import ShardConfig

        return _tell("score", score_shards(context, ShardConfig(chunk, lease_s)), as_json, voice)

    with_context(made, "curate score --worker" if worker else "curate score", body, voice, upto="score")


def _command(stage: str, meaning: str) -> Callable[..., None]:
    def command(config: ConfigPath, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False) -> None:
        voice = ConsoleReporter()
        with exits(voice):
            made = load(config, lake, sets)
        with_context(made, f"curate {stage}", lambda context: _walk(context, stage, as_json, voice), voice, upto=stage)

    command.__doc__ = meaning
    return command


def _walk(context: Any, stage: str, as_json: bool, voice: ConsoleReporter) -> int:
    from assay.pipelines.runner.stages import run_stages

    return _tell(stage, run_stages(context, stage, only=True)[-1], as_json, voice)


def _tell(stage: str, outcome: Any, as_json: bool, voice: ConsoleReporter) -> int:
    told = {
        "stage": stage,
        "rows_in": outcome.rows_in,
        "rows_out": outcome.rows_out,
        "nothing_to_do": outcome.reused,
        **outcome.detail,
    }
    if as_json:
        emit(told)
    elif outcome.reused:
        voice.say(f"{stage}: nothing to do ({outcome.rows_in} in, {outcome.rows_out} out)")
    else:
        voice.say(
            f"{stage}: "
            + ", ".join(f"{key} {value}" for key, value in told.items() if key not in ("stage", "nothing_to_do"))
        )
    return PARTLY if outcome.partly else DONE
