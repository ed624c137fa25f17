"""How a run ends in Prefect's lists, and what a server that went away costs, on hand-made runs."""

from types import SimpleNamespace
from typing import Any

import pytest

from assay.core.errors import ConfigError, EngineError, Stopped
from assay.flows import run_states, server
from assay.flows.run_context import FlowCall, FlowRun
from assay.pipelines.analysis.empty_result import Shortfall
from assay.pipelines.context.results import StageKey, StageResult, StageResults

pytest.importorskip("prefect", reason="the extra flows is not installed")


def run(**changes: Any) -> FlowRun:
    return FlowRun(SimpleNamespace(reporter=SimpleNamespace(warn=pytest.fail)), FlowCall("plan.toml"), **changes)  # type: ignore[arg-type]


def stage(name: str, out: int, *, partly: bool = False) -> StageResults:
    return StageResults((StageResult(name, StageKey.of("key"), out, out, partly=partly),))


@pytest.mark.parametrize(
    ("made", "state", "name", "message"),
    [
        (run(results=stage("score", 8)), "COMPLETED", "Completed", "rows out: score 8"),
        (
            run(results=stage("score", 4, partly=True)),
            "COMPLETED",
            "Partly",
            "rows out: score 4; score is partly done: a limit of the config was reached; run it again to continue",
        ),
        (
            run(results=stage("score", 4, partly=True), missing=["1 of 2 shards of score failed, the first: gone"]),
            "FAILED",
            "Partly",
            "rows out: score 4; 1 of 2 shards of score failed, the first: gone; run it again to continue",
        ),
        (
            run(results=stage("order", 0), lacks=Shortfall("nothing to train on: the sources have no rows")),
            "FAILED",
            "Failed",
            "rows out: order 0; nothing to train on: the sources have no rows",
        ),
        (
            run(results=stage("order", 4), lacks=Shortfall(sources=("of source 'a' no row is left of 9",))),
            "FAILED",
            "Partly",
            "rows out: order 4; of source 'a' no row is left of 9",
        ),
    ],
    ids=["whole", "a limit", "a failed shard", "nothing", "a source"],
)
def test_the_last_state_says_what_is_missing(made: FlowRun, state: str, name: str, message: str) -> None:
    told = run_states.final_state(made)
    assert (told.type.value, told.name, told.message) == (state, name, message)


def test_a_server_that_went_away_before_the_end_stops_the_run_which_goes_on_later() -> None:
    with pytest.raises(Stopped, match=r"the Prefect server went away \(refused\); finished work is in the lake"):  # noqa: SIM117
        with server.raise_own_error(run()):
            raise refused()


def test_a_server_that_went_away_after_the_work_was_done_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    made = run(told=[])
    monkeypatch.setattr(made.context.reporter, "warn", heard.append)
    with server.raise_own_error(made):
        raise refused()
    assert heard == [
        "the Prefect server went away before the run's end could be reported (refused); the run itself is complete"
    ]


def test_what_ended_the_work_is_raised_as_itself_whatever_prefect_made_of_it() -> None:
    with (
        pytest.raises(EngineError, match="out of memory"),
        server.raise_own_error(run(error=EngineError("out of memory"))),
    ):
        raise RuntimeError("the flow failed")
    with (
        pytest.raises(EngineError, match="out of memory"),
        server.raise_own_error(run(error=EngineError("out of memory"))),
    ):
        pass  # Prefect keeps it in the state


def test_what_went_wrong_before_the_work_began_is_raised_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.states import Failed

    monkeypatch.setattr(server, "start_server", lambda _narrator: None)
    with pytest.raises(ConfigError, match="the plan is gone"):
        server.run_flow(lambda **_: Failed(data=ConfigError("the plan is gone")), run().context, FlowCall("plan.toml"))


def refused() -> Exception:
    import httpx

    return httpx.ConnectError("refused")
