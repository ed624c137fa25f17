"""The stages as commands of one form: each runs its own stage and needs the earlier ones done.

`score` may run as one of many workers.
"""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from assay.cli.console import ConsoleReporter
from assay.cli.runner import (
    DONE,
    NOTHING,
    PARTLY,
    AsJson,
    ConfigPath,
    LakeDir,
    RetryRefused,
    Sets,
    load_config,
    print_json,
    report_errors,
    run_with_context,
    set_retry_refused,
)
from assay.pipelines.stages import stage_entries

AsWorker = Annotated[
    bool,
    typer.Option(
        "--worker", help="Score as one of several processes on this lake, chunk by chunk; start as many as you like."
    ),
]
Chunk = Annotated[int, typer.Option("--chunk", min=1, help="With --worker: problems per chunk.")]
LeaseS = Annotated[
    float,
    typer.Option(
        "--lease-s", min=1, help="With --worker: seconds after which another worker may take over an unfinished chunk."
    ),
]


def build_commands() -> dict[str, Callable[..., None]]:
    """Return one command per stage of the list `pipelines.stages.STAGES`, in order."""
    return {**{entry.name: _build_command(entry.name, entry.purpose) for entry in stage_entries()}, "score": score}


def score(
    path: ConfigPath,
    lake: LakeDir = "",
    sets: Sets = [],
    worker: AsWorker = False,
    chunk: Chunk = 64,
    lease_s: LeaseS = 900.0,
    retry_refused: RetryRefused = False,
    as_json: AsJson = False,
) -> None:
    """Let the policy attempt each training problem, and measure how hard it is; --worker: as one process of many."""
    reporter = ConsoleReporter()
    with report_errors(reporter):
        config = load_config(path, lake, sets)

    def body(context: Any) -> int:
        if not worker:
            return _run_stage(set_retry_refused(context, retry_refused), "score", as_json, reporter)
        from assay.pipelines.runner.score_workers import score_shards
        from assay.pipelines.sampling.shards import ShardConfig

        return _print_result("score", score_shards(context, ShardConfig(chunk, lease_s)), as_json, reporter)

    run_with_context(config, "curate score --worker" if worker else "curate score", body, reporter, upto="score")


def _build_command(stage: str, meaning: str) -> Callable[..., None]:
    def command(path: ConfigPath, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False) -> None:
        reporter = ConsoleReporter()
        with report_errors(reporter):
            config = load_config(path, lake, sets)
        run_with_context(
            config,
            f"curate {stage}",
            lambda context: _run_stage(context, stage, as_json, reporter),
            reporter,
            upto=stage,
        )

    command.__doc__ = meaning
    return command


def _run_stage(context: Any, stage: str, as_json: bool, reporter: ConsoleReporter) -> int:
    from assay.pipelines.analysis.empty_result import explain_empty
    from assay.pipelines.runner.stages import run_stages

    results = run_stages(context, stage, only=True)
    code = _print_result(stage, results[-1], as_json, reporter)
    if why := explain_empty(context, results):
        reporter.warn(why)
    return NOTHING if why and code == DONE else code


def _print_result(stage: str, outcome: Any, as_json: bool, reporter: ConsoleReporter) -> int:
    summary = {
        "stage": stage,
        "rows_in": outcome.rows_in,
        "rows_out": outcome.rows_out,
        "nothing_to_do": outcome.reused,
        **outcome.detail,
    }
    if as_json:
        print_json(summary)
    elif outcome.reused:
        reporter.say(f"{stage}: nothing to do ({outcome.rows_in} in, {outcome.rows_out} out)")
    else:
        reporter.say(
            f"{stage}: "
            + ", ".join(f"{key} {value}" for key, value in summary.items() if key not in ("stage", "nothing_to_do"))
        )
    return PARTLY if outcome.partly else DONE
