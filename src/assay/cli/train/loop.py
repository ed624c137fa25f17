"""`train loop`: curate, train, refresh, and again on the last checkpoint."""

from collections.abc import Callable, Mapping
from typing import Any

from assay.cli.console import ConsoleReporter, page
from assay.cli.runner import DONE, AsJson, ConfigPath, Flow, LakeDir, Sets, emit, exits, flowing, load, with_context
from assay.cli.tables import table

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


def loop(config: ConfigPath, lake: LakeDir = "", sets: Sets = [], as_json: AsJson = False, flow: Flow = False) -> None:
    """Curate, train and refresh, as often as the plan's loop.rounds says, each round on the last checkpoint; a stopped loop goes on where it was."""
    voice = ConsoleReporter()
    with exits(voice):
        made = load(config, lake, sets)
        from assay.pipelines.loop.rounds import check_config

        check_config(made)
        walked = flowing("rounds", made, config, lake, sets, voice) if flow or made.flow.enabled else None
    with_context(made, "train loop", lambda context: _loop(context, walked, as_json), voice, upto="train")


def _loop(context: Any, flow: Callable[[Any], Any] | None, as_json: bool) -> int:
    from assay.pipelines.loop.rounds import run_loop as walked

    done = (flow or walked)(context)
    reports = [one.outcomes[-1].detail for one in done]
    nothing = all(outcome.reused for one in done for outcome in one.outcomes)
    if as_json:
        emit({"nothing_to_do": nothing, "tokens": context.meter.tokens, "rounds": reports})
        return DONE
    console = page()
    if nothing:
        console.print("nothing to do: these rounds are in the lake", style="bold")
    console.print(
        table(
            "held out: pass@1 with 95% intervals over problems; the pool's band; rollouts",
            HEAD,
            [row(each) for each in reports],
        )
    )
    console.print(f"checkpoint: {reports[-1]['checkpoint']}", markup=False, soft_wrap=True)
    console.print(f"spent now: {context.meter.tokens} tokens", markup=False)
    return DONE


def row(told: Mapping[str, Any]) -> tuple[Any, ...]:
    """One round's report as a row of the table."""
    held, band, spent = told["held_out"], told["band"], told["spent"]
    rates = (f"{held['before'][0]:.3f}", f"{held['after'][0]:.3f}", signed(held["difference"]))
    moved = (band["before"], band["above"] + band["below"], band["entered"])
    return (
        told["round"],
        held["problems"],
        *rates,
        *moved,
        *(spent[name]["rollouts"] for name in ("sampling", "training", "held_out")),
    )


def signed(ends: list[float | None] | None) -> str:
    """A difference with its interval; without an interval where one problem has none.

    >>> signed([0.05, -0.1, 0.2]), signed([0.05, None, None])
    ('+0.050 [-0.100, +0.200]', '+0.050')
    """
    if ends is None or ends[0] is None:
        return "-"
    return f"{ends[0]:+.3f}" + ("" if ends[1] is None else f" [{ends[1]:+.3f}, {ends[2]:+.3f}]")
