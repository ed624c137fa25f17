"""The embed stage at its ends: empty, tiny, shuffled pools, and what it says about itself."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.core.errors import PlanError
from assay.pipelines.job import Job
from assay.pipelines.walk import preflight, walk

pytest.importorskip("faiss")
Made = Callable[..., Job]


def embed(job: Job) -> Any:
    return walk(job, "embed")[-1]


def clusters(job: Job) -> dict[str, int]:
    rows = job.lake.rows("SELECT problem_id, cluster FROM clusters WHERE clustering = ?", [embed(job).key])
    return {row["problem_id"]: row["cluster"] for row in rows}


def test_more_clusters_than_problems_are_as_many_as_there_are(job: Made) -> None:
    assert embed(job(embed={"clusters": 500})).detail["clusters"] == 32


def test_one_problem_is_one_cluster_and_none_is_none(job: Made, sums: Path) -> None:
    sums.write_text(sums.read_text().splitlines()[0])
    outcome = embed(job(split={"held_out": 0}))
    assert (outcome.rows_out, outcome.detail["clusters"]) == (1, 1)
    nothing = {"filters": ("overlong",), "settings": {"overlong": {"tokens": 1}}}
    outcome = embed(job(split={"held_out": 0}, clean=nothing))
    assert (outcome.rows_out, outcome.detail["clusters"]) == (0, 0)


def test_stored_vectors_have_norm_one_and_the_outcome_names_encoder_and_device(job: Made) -> None:
    made = job()
    outcome = embed(made)
    rows = np.array([row["vector"] for row in made.lake.rows("SELECT vector FROM vectors")])
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert len(rows) == outcome.detail["encoded"] == 32
    assert outcome.detail["device"] in ("cpu", "gpu")
    assert {row["encoder"] for row in made.lake.rows("SELECT encoder FROM vectors")} == {outcome.detail["encoder"]}


def test_a_shuffled_source_has_equal_clusters(job: Made, sums: Path, tmp_path: Path) -> None:
    first = clusters(job())
    lines = sums.read_text().splitlines()
    sums.write_text("\n".join(random.Random(3).sample(lines, len(lines))) + "\n")
    assert clusters(job(lake=str(tmp_path / "other"))) == first
    assert len(set(first.values())) == 3


@pytest.mark.parametrize(("change", "said"), [({"encoder": "nowhere.npz"}, "no file 'nowhere.npz'"), ({"device": "tpu"}, "'tpu' is none of")])
def test_a_missing_encoder_or_device_is_found_before_anything_is_paid_for(job: Made, change: dict[str, Any], said: str) -> None:
    preflight(job(embed=change), "score")
    with pytest.raises(PlanError, match=said):
        preflight(job(embed=change), "embed")
