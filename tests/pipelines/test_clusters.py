"""What `curate clusters` tells."""

from collections.abc import Callable

import pytest

from assay.pipelines.clusters import told
from assay.pipelines.job import Job
from assay.pipelines.walk import walk


def test_each_cluster_has_its_size_difficulty_keywords_and_typical_problems(job: Callable[..., Job]) -> None:
    pytest.importorskip("faiss")
    made = job()
    walk(made, "embed")
    found = told(made)
    assert [each["cluster"] for each in found] == [0, 1, 2]
    assert sum(each["size"] for each in found) == 32
    assert [each["size"] for each in found] == sorted((each["size"] for each in found), reverse=True)
    assert all(0 < each["mean"] < 1 for each in found)
    assert all(set(each["keywords"]) == {"what", "is"} for each in found)
    assert all(each["typical"][0].startswith("What is ") for each in found)


def test_k_may_be_chosen_by_the_pool(job: Callable[..., Job]) -> None:
    pytest.importorskip("faiss")
    made = job(embed={"clusters": "auto"})
    assert walk(made, "embed")[-1].detail["clusters"] in (2, 3, 4)
