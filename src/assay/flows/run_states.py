"""How a flow run ends: its state in Prefect's lists, with a message that says what came out and what is missing."""

from typing import Any

from assay.core.display import escape_controls
from assay.flows.run_context import FlowRun


def completed(told: str) -> Any:
    """Done."""
    from prefect.states import Completed

    return Completed(message=told)


def partly(told: str) -> Any:
    """Failed, under the name "Partly": the same run goes on."""
    from prefect.states import Failed

    return Failed(name="Partly", message=told)


def failed(told: str) -> Any:
    """Failed: running it again changes nothing."""
    from prefect.states import Failed

    return Failed(message=told)


def of(run: FlowRun) -> Any:
    """A walk's final state: Completed; Completed as "Partly" where a limit stopped it; Failed as "Partly" where something did not
    work, or nothing is left of a source; Failed where nothing is left to train on."""
    from prefect.states import Completed

    told = message(run)
    if run.missing:
        return partly(told)
    if any(outcome.partly for outcome in run.results):
        return Completed(name="Partly", message=told)
    if run.lacks:
        return failed(told) if run.lacks.empty else partly(told)
    return completed(told)


def message(run: FlowRun) -> str:
    """One line: rows that came out of each stage, then what is missing."""
    done = ", ".join(
        f"{result.stage} {result.rows_out}" for result in run.results if result.stage != "ingest" or result.rows_out
    )
    partly = [result.stage for result in run.results if result.partly]
    missing = run.missing or [f"{name} is partly done: a limit of the plan was reached" for name in partly]
    again = ["run it again to go on"] if missing else []
    lacks = [run.lacks.sentence] if run.lacks else []
    return escape_controls("; ".join([f"rows out: {done}", *missing, *again, *lacks]))
