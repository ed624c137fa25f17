"""What `curate clusters` tells."""

from collections.abc import Callable

import pytest

from assay.pipelines.analysis.clusters import describe_clusters
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages


def test_each_cluster_has_its_size_difficulty_keywords_and_typical_problems(context: Callable[..., RunContext]) -> None:
    pytest.importorskip("faiss")
    made = context()
    found = describe_clusters(made, run_stages(made, "embed"))
    assert [each["cluster"] for each in found] == [0, 1, 2]
    assert sum(each["size"] for each in found) == 32
    assert [each["size"] for each in found] == sorted((each["size"] for each in found), reverse=True)
    assert all(0 < each["mean"] < 1 for each in found)
    assert all(set(each["keywords"]) == {"what", "is"} for each in found)
    assert all(each["typical"][0].startswith("What is ") for each in found)


def test_k_may_be_chosen_by_the_pool(context: Callable[..., RunContext]) -> None:
    pytest.importorskip("faiss")
    made = context(embed={"clusters": "auto"})
    assert run_stages(made, "embed")[-1].detail["clusters"] in (2, 3, 4)
