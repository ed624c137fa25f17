"""What `curate analyze clusters` prints."""

from collections.abc import Callable

import pytest

from assay.pipelines.analysis.clusters import describe_clusters
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages


def test_each_cluster_has_its_size_difficulty_keywords_and_typical_problems(context: Callable[..., RunContext]) -> None:
    pytest.importorskip("faiss")
    run_context = context()
    clusters = describe_clusters(run_context, run_stages(run_context, "embed"))
    assert [cluster["cluster"] for cluster in clusters] == [0, 1, 2]
    assert sum(cluster["size"] for cluster in clusters) == 32
    assert [cluster["size"] for cluster in clusters] == sorted((cluster["size"] for cluster in clusters), reverse=True)
    assert all(0 < cluster["mean"] < 1 for cluster in clusters)
    assert all(set(cluster["keywords"]) == {"what", "is"} for cluster in clusters)
    assert all(cluster["typical"][0].startswith("What is ") for cluster in clusters)


def test_k_may_be_chosen_by_the_pool(context: Callable[..., RunContext]) -> None:
    pytest.importorskip("faiss")
    run_context = context(embed={"clusters": "auto"})
    assert run_stages(run_context, "embed")[-1].detail["clusters"] in (2, 3, 4)
