"""What a worker keeps between its shards, and all that it passes back."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from assay.api import Silence
from assay.core.errors import PlanError
from assay.flows import workplace
from assay.flows.work import Call
from assay.pipelines.job import Job
from assay.pipelines.walk import walk
from assay.stores.lake import Lake

pytest.importorskip("prefect", reason="the extra flows is not installed")


@pytest.fixture
def call(plans: Callable[..., tuple[Path, Path]]) -> Iterator[Call]:
    """A plan of eight problems in four shards, as far as split."""
    plan, lake = plans("kept")
    made = Call(str(plan), str(lake), ("flow.shard=2",))
    with Lake(lake) as opened, Job(made.read(), opened, Silence()) as job:
        walk(job, "split")
    yield made
    workplace.close_all()


def test_a_worker_opens_its_engine_once_and_passes_back_a_name_and_numbers(call: Call) -> None:
    place = workplace.workplace(call, "run")
    engine, shards = place.job.engine, place.chunks.left()
    told = [workplace.workplace(call, "run").score(shard) for shard in shards]
    assert workplace.workplace(call, "run") is place
    assert place.job.engine is engine
    assert [each.pop("shard") for each in told] == shards
    assert {type(value) for each in told for value in each.values()} <= {bool, int, float}
    assert [(each["samples"], each["done"]) for each in told] == [(4, True)] * 4
    assert workplace.workplace(call, "run").score(shards[0])["samples"] == 0, "a shard that is done is paid for twice"
    assert workplace.workplace(call, "another run") is not place


def test_a_shard_of_a_plan_that_has_changed_is_refused(call: Call) -> None:
    with pytest.raises(PlanError, match=r"has changed since the run began; shard none is not of it"):
        workplace.workplace(call, "run").score("none")
