"""`curate autopsy`: what a trainer's rollout log says about its tokens, prompts, grades and rewards."""

from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.console import ConsoleReporter, open_console
from assay.cli.runner import AsJson, print_json, report_errors
from assay.cli.tables import build_table

Places = Annotated[
    list[Path],
    typer.Argument(
        metavar="ROLLOUTS...", help="Rollout files (.jsonl, .parquet), or folders of them.", show_default=False
    ),
]
Page = Annotated[Path, typer.Option("--page", metavar="FILE", help="The page to write.")]
Table = Annotated[
    Path | None,
    typer.Option("--table", metavar="FILE", help="Also write the findings as Parquet.", show_default=False),
]
Problems = Annotated[
    Path | None,
    typer.Option(
        "--problems",
        metavar="FILE",
        help="Also write each problem as Parquet: attempts, rate, p_mixed, kept, reason.",
        show_default=False,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FILE",
        help="Also write the problems worth keeping as JSON lines, for `curate init`.",
        show_default=False,
    ),
]
Benchmarks = Annotated[
    list[Path],
    typer.Option(
        "--benchmark",
        metavar="FILE",
        help="A file of benchmark questions that must not be trained on.",
        show_default=False,
    ),
]
Pool = Annotated[
    Path | None,
    typer.Option(
        "--pool",
        metavar="FILE",
        help="The training problems with gold answers, for logs without them.",
        show_default=False,
    ),
]
Right = Annotated[
    float | None,
    typer.Option(
        "--right",
        metavar="REWARD",
        help="The lowest reward that counts as correct; guessed by default.",
        show_default=False,
    ),
]
Verifier = Annotated[str, typer.Option("--verifier", help="The verifier that grades again.")]
Regrade = Annotated[int, typer.Option("--regrade", min=0, help="Grade at most this many answers again; 0 = none.")]
MinSignal = Annotated[
    float,
    typer.Option("--min-signal", min=0, max=1, help="Keep problems with at least this probability of a mixed group."),
]
GroupSize = Annotated[
    int, typer.Option("--group-size", min=0, help="Group size of the next training; 0 = as in the log.")
]


def _column(name: str, holds: str) -> Any:
    return typer.Option(name, metavar="COLUMN", help=f"The column of {holds}.", show_default=False)


def autopsy(
    places: Places,
    page: Page = Path("autopsy.html"),
    out: Out = None,
    table: Table = None,
    problems: Problems = None,
    benchmark: Benchmarks = [],
    pool: Pool = None,
    right: Right = None,
    verifier: Verifier = "math",
    regrade: Regrade = 4_000,
    min_signal: MinSignal = 0.5,
    group_size: GroupSize = 0,
    prompt: Annotated[str, _column("--prompt", "the question")] = "",
    text: Annotated[str, _column("--text", "the answer, or a list of answers")] = "",
    reward: Annotated[str, _column("--reward", "the reward")] = "",
    correct: Annotated[str, _column("--correct", "whether the answer is correct, if the reward has other terms")] = "",
    step: Annotated[str, _column("--step", "the training step")] = "",
    gold: Annotated[str, _column("--gold", "the gold answer")] = "",
    tokens: Annotated[str, _column("--tokens", "the number of tokens")] = "",
    finish: Annotated[str, _column("--finish", "the finish reason; `length` = truncated")] = "",
    group: Annotated[str, _column("--group", "the group's id")] = "",
    as_json: AsJson = False,
) -> None:
    """Analyze a trainer's rollout log without generating anything: tokens spent on groups without signal, duplicates,
    benchmark questions, disputed and truncated answers, and what choosing problems would have saved.

    Logs of verl, TRL, prime-rl, verifiers and NeMo Gym are recognised by their columns; options name the columns of any
    other JSON lines or Parquet. Writes one HTML page.
    """
    reporter = ConsoleReporter()
    with report_errors(reporter):
        from assay.pipelines.analysis.autopsy.columns import LogColumns
        from assay.pipelines.analysis.autopsy.run import AutopsyOptions, dissect
        from assay.pipelines.analysis.autopsy.write import write_autopsy

        columns = LogColumns(prompt, text, reward, correct, step, gold, tokens, finish, group)
        options = AutopsyOptions(columns, right, verifier, regrade, tuple(benchmark), pool, min_signal, group_size)
        result = dissect(places, options)
        files = write_autopsy(result, page=page, table=table, problems=problems, out=out)
    if as_json:
        print_json({**result.to_json(), "written": files})
        return
    _print(result)
    for kind, place in files.items():
        reporter.say(f"{kind}: {place}")


def _print(result: Any) -> None:
    from assay.reports.autopsy import headline

    console = open_console()
    console.print(headline(result.to_json()), style="bold", markup=False, soft_wrap=True)
    for topic in dict.fromkeys(finding.topic for finding in result.findings):
        rows = [finding for finding in result.findings if finding.topic == topic]
        shares = [row for row in rows if row.share is not None]
        if shares:
            console.print(build_table(topic, *(_choices(shares) if topic == "choosing" else _shares(shares))))
        for row in rows:
            if row.share is None:
                console.print(f"{row.finding}: {row.note}", markup=False, soft_wrap=True)
    for note in result.notes:
        console.print(note, markup=False, soft_wrap=True, style="dim")


def _shares(findings: list[Any]) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    head = ("finding", "share", "95% interval", "count", "of", "unit")
    return head, [(row.finding, row.share, _ends(row.low, row.high), row.count, row.of, row.unit) for row in findings]


def _choices(findings: list[Any]) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    head = ("way of choosing", "tokens saved", "95%", "signal kept", "95%", "signal per token", "95%")
    return head, [
        (
            row.finding,
            row.share,
            _ends(row.low, row.high),
            row.signal_kept,
            _ends(row.signal_kept_low, row.signal_kept_high),
            row.gain,
            _ends(row.gain_low, row.gain_high),
        )
        for row in findings
    ]


def _ends(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"[{low:.2f}, {high:.2f}]"
