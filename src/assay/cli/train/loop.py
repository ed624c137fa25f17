"""`train loop`: curate, train, refresh, and again on the last checkpoint."""

from collections.abc import Callable, Mapping
from typing import Any

from assay.cli.console import ConsoleReporter, open_console
from assay.cli.runner import (
    DONE,
    AsJson,
    ConfigPath,
    Flow,
    LakeDir,
    Sets,
    find_flow,
    load_config,
    print_json,
    report_errors,
    run_with_context,
)
from assay.cli.tables import build_table, short_path

HEAD = (
    "round",
    "problems",
    "before",
    "after",
    "after - before",
    "band",
    "left",
    "entered",
    "sampled",
    "trained",
    "held out",
)


def loop(path: ConfigPath, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False, flow: Flow = False) -> None:
    """Curate, train and refresh scores, `loop.rounds` times, each round from the last checkpoint. A stopped loop
    resumes where it was.
    """
    reporter = ConsoleReporter()
    with report_errors(reporter):
        config = load_config(path, lake, sets)
        from assay.pipelines.loop.rounds import check_config

        check_config(config)
        run_flow = find_flow("rounds", config, path, lake, sets, reporter) if flow or config.flow.enabled else None
    run_with_context(config, "train loop", lambda context: _loop(context, run_flow, as_json), reporter, upto="train")


def _loop(context: Any, flow: Callable[[Any], Any] | None, as_json: bool) -> int:
    from assay.pipelines.loop.rounds import run_loop as run_rounds

    rounds = (flow or run_rounds)(context)
    reports = [round_.outcomes[-1].detail for round_ in rounds]
    nothing = all(outcome.reused for round_ in rounds for outcome in round_.outcomes)
    if as_json:
        print_json({"nothing_to_do": nothing, "tokens": context.meter.tokens, "rounds": reports})
        return DONE
    console = open_console()
    if nothing:
        console.print("nothing to do: these rounds are in the lake", style="bold")
    console.print(
        build_table(
            "held out: pass@1 with 95% intervals over problems; the pool's band; rollouts",
            HEAD,
            [round_row(report) for report in reports],
        )
    )
    console.print(f"checkpoint: {short_path(reports[-1]['checkpoint'])}", markup=False, soft_wrap=True)
    console.print(f"spent now: {context.meter.tokens} tokens", markup=False)
    return DONE


def round_row(report: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return one round's report as a row of the table."""
    held_out, band, costs = report["held_out"], report["band"], report["spent"]
    rates = (f"{held_out['before'][0]:.3f}", f"{held_out['after'][0]:.3f}", format_difference(held_out["difference"]))
    drift = (band["before"], band["above"] + band["below"], band["entered"])
    return (
        report["round"],
        held_out["problems"],
        *rates,
        *drift,
        *(costs[name]["rollouts"] for name in ("sampling", "training", "held_out")),
    )


def format_difference(ends: list[float | None] | None) -> str:
    """Return a difference with its interval; without an interval where one problem has none.

    >>> format_difference([0.05, -0.1, 0.2]), format_difference([0.05, None, None])
    ('+0.050 [-0.100, +0.200]', '+0.050')
    """
    if ends is None or ends[0] is None:
        return "-"
    return f"{ends[0]:+.3f}" + ("" if ends[1] is None else f" [{ends[1]:+.3f}, {ends[2]:+.3f}]")
