"""What a worker keeps between its shards, and all that it passes back."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assay.api import NullReporter
from assay.core.errors import ConfigError
from assay.flows import shard_worker
from assay.flows.run_context import FlowCall
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.stores.lake import Lake

pytest.importorskip("prefect", reason="the extra flows is not installed")


@pytest.fixture
def call(plans: Callable[..., tuple[Path, Path]]) -> Iterator[FlowCall]:
    """A plan of eight problems in four shards, as far as split."""
    config, lake = plans("kept")
    made = FlowCall(str(config), str(lake), ("flow.problems_per_shard=2",))
    with Lake(lake) as opened, RunContext(made.read(), opened, NullReporter()) as context:
        run_stages(context, "split")
    yield made
    shard_worker.close_all()


def test_a_worker_opens_its_engine_once_and_passes_back_a_name_and_numbers(call: FlowCall) -> None:
    place = shard_worker.shard_worker(call, "run")
    engine, shards = place.context.engine, place.chunks.left()
    told = [shard_worker.shard_worker(call, "run").score(shard) for shard in shards]
    assert shard_worker.shard_worker(call, "run") is place
    assert place.context.engine is engine
    assert [each.pop("shard") for each in told] == shards
    assert {type(value) for each in told for value in each.values()} <= {bool, int, float}
    assert [(each["samples"], each["done"]) for each in told] == [(4, True)] * 4
    assert shard_worker.shard_worker(call, "run").score(shards[0])["samples"] == 0, (
        "a shard that is done is paid for twice"
    )
    assert shard_worker.shard_worker(call, "another run") is not place


def test_a_shard_of_a_plan_that_has_changed_is_refused(call: FlowCall) -> None:
    with pytest.raises(ConfigError, match=r"has changed since the run began, and shard none no longer belongs to it"):
        shard_worker.shard_worker(call, "run").score("none")
