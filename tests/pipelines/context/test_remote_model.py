"""The walk with its policy behind an address: nothing paid twice, no fault taken for a wrong answer, no checkpoint taken for another."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from assay.core.errors import ConfigError, EngineError, Stopped
from assay.engines.openai import endpoints
from assay.engines.openai.engine import PROBES
from assay.engines.scripted import Scripted
from assay.engines.server.app import ModelServer
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import preflight, run_stages

Made = Callable[..., RunContext]
FIRST = len(PROBES)
SAMPLES = 32 * 4
pytestmark = pytest.mark.service


@pytest.fixture
def serve(tables: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ModelServer]]:
    """Starts a scripted server and lets the plan's policy be it."""
    monkeypatch.setattr(endpoints, "FIRST_REST_S", 0.01)
    services: list[ModelServer] = []

    def start(fault: Callable[[int], str] = lambda _: "", **script: Any) -> ModelServer:
        services.append(ModelServer(Scripted(**{"rule": "sum", **script}), fault=fault).start())
        policy = {
            "model": "scripted",
            "engine": "openai",
            "urls": (services[-1].url,),
            "concurrency": 4,
            "retries": 1,
            "max_tokens": 16,
        }
        tables["policy"] = policy
        return services[-1]

    yield start
    for service in services:
        service.close()


def stored(context: RunContext) -> list[dict[str, Any]]:
    return context.lake.rows("SELECT problem_id, sample, finish FROM rollouts ORDER BY ALL")


def test_a_second_walk_over_a_server_asks_it_nothing(serve: Callable[..., ModelServer], context: Made) -> None:
    service = serve()
    first = context()
    run_stages(first)
    assert len(stored(first)) == SAMPLES
    assert next(service.numbers) == FIRST + SAMPLES
    again = context()
    assert all(outcome.reused for outcome in run_stages(again))
    assert next(service.numbers) == FIRST + SAMPLES + 1


def test_a_failed_attempt_is_no_wrong_answer_and_the_next_run_draws_it(
    serve: Callable[..., ModelServer], context: Made
) -> None:
    serve(lambda i: "garbage" if i in range(40, 80, 4) else "")
    broken = context(policy={"retries": 0})
    outcomes = {each.stage: each for each in run_stages(broken)}
    kept = len(stored(broken))
    assert kept == SAMPLES - 10
    assert outcomes["score"].partly, "so that another run looks again"
    assert broken.lake.rows("SELECT DISTINCT finish FROM rollouts") == [{"finish": "stop"}]
    assert broken.lake.rows("SELECT sum(n_error)::INT AS n FROM pass_rates") == [{"n": 0}]
    repaired = context()
    assert not any(outcome.partly for outcome in run_stages(repaired))
    assert repaired.meter.samples == SAMPLES - kept
    assert repaired.lake.rows("SELECT DISTINCT n FROM pass_rates") == [{"n": 4}]


def test_all_servers_lost_keeps_what_had_arrived_and_the_next_run_goes_on(
    serve: Callable[..., ModelServer], context: Made, tables: dict[str, Any]
) -> None:
    first = serve(lambda i: "down" if i >= FIRST + 50 else "")
    broken = context()
    with pytest.raises(EngineError, match="all 1 servers failed"):
        run_stages(broken)
    kept = len(stored(broken))
    assert kept == 50
    first.fault = lambda _: ""
    repaired = context()
    run_stages(repaired)
    assert repaired.meter.samples == SAMPLES - 50
    assert len(stored(repaired)) == SAMPLES


def test_a_stop_costs_those_in_flight_and_no_other(serve: Callable[..., ModelServer], context: Made) -> None:
    service = serve(delay_s=0.002)
    stopping = context()
    stopping.stop = lambda: stopping.meter.samples >= 30
    with pytest.raises(Stopped):
        run_stages(stopping)
    kept = len(stored(stopping))
    assert kept >= 30
    again = context()
    run_stages(again)
    assert again.meter.samples == SAMPLES - kept
    assert next(service.numbers) - 2 * FIRST - SAMPLES <= 8, "at most what was in flight or queued is paid twice"


def test_a_limit_begins_no_new_problem_and_finishes_those_in_flight(
    serve: Callable[..., ModelServer], context: Made
) -> None:
    service = serve()
    limited = context(limit={"tokens": 100})
    assert {each.stage: each for each in run_stages(limited)}["score"].partly
    found = limited.lake.rows("SELECT problem_id, count(*) AS n FROM rollouts GROUP BY problem_id")
    assert {row["n"] for row in found} == {4}, "a problem's long answers are not missing"
    assert 4 <= len(found) < 32
    assert next(service.numbers) == FIRST + 4 * len(found), "nothing was cut"


def test_another_checkpoint_under_the_same_name_stops_before_anything_is_drawn(
    serve: Callable[..., ModelServer], context: Made
) -> None:
    serve()
    run_stages(context())
    serve(rule="spread")
    other = context(score={"n": 5})
    preflight(other, "order")
    with pytest.raises(ConfigError, match="is not the checkpoint whose attempts the lake holds") as caught:
        run_stages(other)
    assert "\n" not in str(caught.value)
    assert len(stored(other)) == SAMPLES
    vouched = context(policy={"revision": "new"})
    run_stages(vouched)
    assert len(stored(vouched)) == 2 * SAMPLES


def test_rows_are_the_same_whoever_answers_first(
    serve: Callable[..., ModelServer], context: Made, tables: dict[str, Any]
) -> None:
    serve()
    one = context(policy={"send_seed": True})
    run_stages(one)
    tables["lake"] += "2"
    two = context(policy={"send_seed": True, "concurrency": 13})
    run_stages(two)
    for table in ("rollouts", "completions", "verdicts", "scores", "selections", "curriculum"):
        query = f'SELECT * EXCLUDE (run) FROM "{table}" ORDER BY id'
        assert one.lake.rows(query) == two.lake.rows(query), table
