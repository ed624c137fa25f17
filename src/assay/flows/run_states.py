"""How a flow run ends: its state in Prefect's lists, with a message that says what came out and what is missing."""

from typing import Any

from assay.core.display import escape_controls
from assay.flows.run_context import FlowRun


def completed(text: str) -> Any:
    """Return the state of a run that is done."""
    from prefect.states import Completed

    return Completed(message=text)


def partly(text: str) -> Any:
    """Return the state Failed under the name "Partly": the same run continues where it is started again."""
    from prefect.states import Failed

    return Failed(name="Partly", message=text)


def failed(text: str) -> Any:
    """Return the state Failed: running it again changes nothing."""
    from prefect.states import Failed

    return Failed(message=text)


def final_state(run: FlowRun) -> Any:
    """Return a run's final state.

    Completed; Completed as "Partly" where a limit stopped it; Failed as "Partly" where something did not work or
    nothing is left of a source; Failed where nothing is left to train on.
    """
    from prefect.states import Completed

    text = message(run)
    if run.missing:
        return partly(text)
    if any(outcome.partly for outcome in run.results):
        return Completed(name="Partly", message=text)
    if run.lacks:
        return failed(text) if run.lacks.empty else partly(text)
    return completed(text)


def message(run: FlowRun) -> str:
    """Return one line: the rows that came out of each stage, then what is missing."""
    rows_out = ", ".join(
        f"{result.stage} {result.rows_out}" for result in run.results if result.stage != "ingest" or result.rows_out
    )
    partly = [result.stage for result in run.results if result.partly]
    missing = run.missing or [f"{name} is partly done: a limit of the config was reached" for name in partly]
    again = ["run it again to continue"] if missing else []
    lacks = [run.lacks.sentence] if run.lacks else []
    return escape_controls("; ".join([f"rows out: {rows_out}", *missing, *again, *lacks]))
