"""`curate import`: rollouts and difficulty columns that other tools made."""

from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.console import ConsoleReporter
from assay.cli.runner import (
    DONE,
    AnyLake,
    AsJson,
    LakeDir,
    Sets,
    load_config,
    print_json,
    report_errors,
    run_with_context,
)
from assay.pipelines.stages import pool_stages

app = typer.Typer(
    help="Import rollouts of other tools, and published difficulty columns.",
    no_args_is_help=True,
)

Folder = Annotated[
    Path, typer.Argument(metavar="DIR", help="A .jsonl or .parquet file, or a folder of them.", show_default=False)
]
Tool = Annotated[
    str,
    typer.Option(
        "--from", metavar="TOOL", help="The tool: verl, trl, open_instruct, verifiers, nemo_gym, prm or jsonl."
    ),
]
PolicyName = Annotated[
    str,
    typer.Option(
        "--policy",
        help="The policy's revision, for rows that do not say; the first of several. Without it the config's policy.model, "
        "and without a config `imported`.",
        show_default=False,
    ),
]
LastPolicy = Annotated[
    str,
    typer.Option(
        "--policy-last", help="The revision at the end of a rollout, if weights changed during it.", show_default=False
    ),
]
Right = Annotated[
    str,
    typer.Option(
        "--right",
        metavar="EXPR",
        help="When an attempt is correct: the lowest correct reward, or an expression over the columns, such as "
        "'acc == 1 and reward > 0.5'.",
    ),
]
OptionalConfigPath = Annotated[
    Path | None,
    typer.Argument(
        metavar="[CONFIG]",
        help="The config whose problems were attempted; its lake and policy are used.",
        show_default=False,
    ),
]
ProblemColumn = Annotated[
    str,
    typer.Option(
        "--problem", metavar="COLUMN", help="The column of the question, or of the problem's id.", show_default=False
    ),
]
TextColumn = Annotated[
    str, typer.Option("--text", metavar="COLUMN", help="The column of the answer.", show_default=False)
]
RewardColumn = Annotated[
    str, typer.Option("--reward", metavar="COLUMN", help="The column of the reward.", show_default=False)
]
TokensColumn = Annotated[
    str, typer.Option("--tokens", metavar="COLUMN", help="The column of the number of tokens.", show_default=False)
]
FinishColumn = Annotated[
    str,
    typer.Option(
        "--finish", metavar="COLUMN", help="The column of the finish reason; `length` = truncated.", show_default=False
    ),
]
TokenizerPlace = Annotated[
    str,
    typer.Option(
        "--tokenizer",
        metavar="DIR",
        help="For logs of token ids, such as open-instruct's: the folder of the model that wrote them.",
        show_default=False,
    ),
]
Column = Annotated[str, typer.Option("--column", help="The difficulty column.")]
Model = Annotated[str, typer.Option("--model", help="The model for which it was measured.")]
Direction = Annotated[
    str, typer.Option("--direction", help="What a larger value means: easier or harder.", show_default=False)
]
Scale = Annotated[
    float,
    typer.Option("--scale", help="Divides the value, so that it lies in [0, 1]; 0 = as known for the column, else 1."),
]


@app.command("rollouts")
def rollouts(
    folder: Folder,
    path: OptionalConfigPath = None,
    tool: Tool = "jsonl",
    problem: ProblemColumn = "",
    text: TextColumn = "",
    reward: RewardColumn = "",
    tokens: TokensColumn = "",
    finish: FinishColumn = "",
    tokenizer: TokenizerPlace = "",
    policy: PolicyName = "",
    policy_last: LastPolicy = "",
    right: Right = "1",
    lake: LakeDir = "",
    sets: Sets = [],
    as_json: AsJson = False,
) -> None:
    """Import rollouts with their rewards, matched to problems by assay_id or by prompt. A row without a match is
    dropped with its reason; if no row matches, that is an error.

    `--from prm` reads TRL's stepwise supervision: the steps together are the attempt, and their labels are kept for
    `curate export --to prm --method imported`.

    With a config, they are attempts at its problems, and score.evidence = "imported" computes pass rates from them.
    Rewards become verdicts; if the file has none, the problems' own verifiers grade the texts.
    """
    reporter = ConsoleReporter()
    with report_errors(reporter):
        config = load_config(path, lake, sets) if path else None

    def work(opened: Any, module: Any, labels: dict[str, str] | None = None) -> Any:
        return module.import_rollouts(
            opened,
            tool,
            folder,
            policy=policy or (config.policy.model if config else "imported"),
            policy_last=policy_last,
            right=right,
            columns=module.RolloutColumns(problem, text, reward, tokens, finish),
            labels=labels,
            tokenizer=tokenizer,
        )

    if config is None:
        _import_into_lake(lake or ".assay/lake", as_json, work)
        return

    def body(context: Any) -> int:
        from assay.pipelines.data.problems import read_cleaned_problems
        from assay.pipelines.runner.stages import run_stages
        from assay.pipelines.stages import import_rollouts

        inputs = run_stages(context, pool_stages()[-1])
        labels = {id_: label.id for id_, label in read_cleaned_problems(context, inputs)[1].items()}
        _print_counts(work(context.lake, import_rollouts, labels), as_json, reporter)
        evidence = policy if policy and policy != config.policy.model else "imported"
        reporter.say(f"next: curate run {path} --set score.evidence={evidence}, or write it into the config")
        return DONE

    run_with_context(config, "curate import rollouts", body, reporter, upto=pool_stages()[-1])


@app.command("scores")
def scores(
    folder: Folder,
    column: Column,
    model: Model,
    direction: Direction = "",
    scale: Scale = 0.0,
    lake: AnyLake = ".assay/lake",
    as_json: AsJson = False,
) -> None:
    """Bring in a difficulty column as scores, under its model's name and with its direction."""
    from assay.pipelines.stages.import_scores import import_scores

    _import_into_lake(
        lake,
        as_json,
        lambda opened, _: import_scores(opened, folder, column, model=model, direction=direction, scale=scale),
    )


def _import_into_lake(lake: str, as_json: bool, work: Any) -> None:
    reporter = ConsoleReporter()
    with report_errors(reporter):
        from assay.pipelines.stages import import_rollouts as module
        from assay.stores.lake import Lake

        with Lake(lake, create=False) as opened:
            result = work(opened, module)
            opened.catalogue()
    _print_counts(result, as_json, reporter)


def _print_counts(result: Any, as_json: bool, reporter: ConsoleReporter) -> None:
    counts = {"rows": result.rows, "added": result.added, "dropped": dict(result.dropped)}
    if as_json:
        print_json(counts)
    else:
        reasons = ", ".join(f"{count} {reason}" for reason, count in result.dropped.items())
        reporter.say(f"{result.rows} rows read, {result.added} added; dropped: {reasons or 'none'}")
    if result.unrated:
        reporter.warn(f"{result.unrated} rows have no numeric reward; name its column with --reward")
