"""The flow `rounds`: curate, train, refresh, and again on the last checkpoint; a task a round, each of which finds the earlier ones in the ledger."""

from contextlib import closing
from functools import cache
from typing import Any

from assay.flows import artifacts, ending
from assay.flows.library import as_flow, as_task
from assay.flows.turns import in_turn
from assay.flows.work import Call, at_work, present


def __getattr__(name: str) -> Any:  # Prefect is loaded when the flow is asked for
    if name != "rounds":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _flow()


@cache
def _flow() -> Any:
    return as_flow(_rounds, "rounds")


def _rounds(plan: str, lake: str | None = None, overrides: list[str] = []) -> Any:  # noqa: B006  # Prefect shows the default, nobody changes it
    """Curate, train and refresh, as often as the plan's [loop] says.

    Args:
        plan: Path of the plan, a TOML file.
        lake: The lake's folder or s3:// address, in place of the plan's.
        overrides: Keys of the plan to change, as "loop.rounds=3".
    """
    call = Call(plan, lake, tuple(overrides))
    return in_turn(call, lambda: _work(call))


def _work(call: Call) -> Any:
    with at_work(call, "train loop", upto="train") as run:
        task = as_task(_round, "round {number}", run.job.plan.flow)
        told = [task(number) for number in range(1, run.job.plan.loop.rounds + 1)]
        run.told, nothing = run.rounds, all(outcome.reused for one in run.rounds for outcome in one.outcomes)
        artifacts.show(run.job)
        artifacts.show_rounds(run.job, [one.outcomes[-1].detail for one in run.rounds])
        return ending.completed(("nothing to do: " if nothing else "") + "; ".join(told))


def _round(number: int) -> str:
    """What one round was worth, in words."""
    from assay.pipelines.rounds import rounds

    run = present()
    with closing(rounds(run.job)) as walked:  # type: ignore[type-var]  # it is a generator
        one = next(each for each in walked if each.number == number)
    run.rounds.append(one)
    detail = one.outcomes[-1].detail
    before, after = (detail["held_out"][when][0] for when in ("before", "after"))
    return f"round {number}: held-out pass@1 {before} before, {after} after, checkpoint {detail['checkpoint']}"
