"""Texts encoded in shards leave the vectors and clusters that the stage alone leaves."""

from collections.abc import Callable
from typing import Any

import pytest

from assay.core.errors import ConfigError
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner import encode_shards
from assay.pipelines.runner.encode_shards import EncodingShards
from assay.pipelines.runner.stages import run_stages

pytest.importorskip("faiss")
Made = Callable[..., RunContext]


def stored(context: RunContext) -> dict[str, list[dict[str, Any]]]:
    columns = {"vectors": "id, problem_id, encoder, dim, vector", "clusters": "id, problem_id, cluster"}
    return {table: context.lake.rows(f"SELECT {of} FROM {table} ORDER BY id") for table, of in columns.items()}


@pytest.fixture
def sharded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Encoders without weights are sharded as well."""
    monkeypatch.setattr(encode_shards, "WITHOUT_WEIGHTS", ())


@pytest.mark.usefixtures("sharded")
def test_shards_in_any_order_and_twice_leave_what_the_stage_leaves(context: Made, tmp_path: Any) -> None:
    plain = context()
    run_stages(plain, "embed")
    made = context(lake=str(tmp_path / "sharded"))
    inputs = run_stages(made, "score")
    names = EncodingShards(made, inputs).left(2)
    assert names == ["0-3", "4-7", "8-11", "12-15", "16-19", "20-23", "24-27", "28-31"]
    encoded = [EncodingShards(made, inputs).encode(name) for name in (*reversed(names), names[0])]
    assert encoded == [4] * 8 + [0]
    assert EncodingShards(made, inputs).left(2) == []
    (result,) = [result for result in run_stages(made, "embed") if result.stage == "embed"]
    assert result.detail["encoded"] == 0
    assert stored(made) == stored(plain)


@pytest.mark.usefixtures("sharded")
def test_a_shard_beyond_the_pool_is_refused(context: Made) -> None:
    made = context()
    with pytest.raises(ConfigError, match="the lake has changed since the run began"):
        EncodingShards(made, run_stages(made, "score")).encode("30-35")


def test_an_encoder_without_weights_is_left_to_the_stage(context: Made) -> None:
    made = context()
    assert EncodingShards(made, run_stages(made, "score")).left(2) == []
