"""slime's own code with an exported folder: its data source, reward hub and dynamic filter.

These run where slime's checkout is on the import path (`make test-trainers`); test_slime.py holds the same interface to its
documented form.
"""

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assay.engines.models.registry import find_checkpoint
from assay.integrations import slime as ours

data_source = pytest.importorskip("slime.rollout.data_source")
pytestmark = pytest.mark.service
GROUP = 4


@pytest.fixture
def args(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, export_sums: Callable[[Path, str, int], Path]
) -> Iterator[SimpleNamespace]:
    """slime's arguments for an export under an adaptive curriculum."""
    export_sums(tmp_path, "slime", 6)
    monkeypatch.syspath_prepend(str(tmp_path / "out"))
    for name in ("reward", "data_source"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield SimpleNamespace(
        prompt_data=str(tmp_path / "out" / "train.jsonl"),
        hf_checkpoint=str(find_checkpoint("tiny-arithmetic")),
        n_samples_per_prompt=GROUP,
        save=str(tmp_path / "saved"),
        load=str(tmp_path / "saved"),
        input_key="prompt",
        label_key="label",
        metadata_key="metadata",
        tool_key=None,
        multimodal_keys=None,
        apply_chat_template=True,
        apply_chat_template_kwargs={},
        rollout_global_dataset=True,
        rollout_max_prompt_len=None,
        rollout_seed=0,
        rollout_shuffle=False,
        dump_details=None,
        buffer_filter_path=None,
        reward_key=None,
        custom_rm_path="reward.reward_func",
    )
    ours.SOURCES.clear()


def _finish(args: Any, group: list[Any], filters: Any, reward_hub: Any) -> bool:
    """Score a group as slime does, and ask its dynamic filter."""
    for n, sample in enumerate(group):
        sample.response, sample.status = (sample.label if n == 0 else "0"), type(sample).Status.COMPLETED
    for sample, reward in zip(group, asyncio.run(reward_hub.batched_async_rm(args, group)), strict=True):
        sample.reward = reward
    return bool(filters.call_dynamic_filter(ours.observe_group, args, group).keep)


def test_groups_go_round_in_slime_s_own_code(args: Any) -> None:
    filters = pytest.importorskip("slime.rollout.filter_hub.base_types")
    reward_hub = pytest.importorskip("slime.rollout.rm_hub")
    load_function = pytest.importorskip("slime.utils.misc").load_function
    load_function.cache_clear()
    source = load_function("data_source.AssayDataSource")(args)
    assert isinstance(source, data_source.RolloutDataSourceWithBuffer)
    groups = source.get_samples(3)
    assert {sample.metadata["source_name"] for group in groups for sample in group} == {"sums"}
    assert all(group[0].prompt.rstrip() for group in groups)
    for group in reversed(groups[:2]):
        assert _finish(args, group, filters, reward_hub)
        assert [sample.reward for sample in group] == [1.0, 0.0, 0.0, 0.0]
    assert (source.curriculum.told, source.curriculum.open_groups) == (2, 1)
    source.add_samples(groups[2:])  # slime puts what was aborted back
    source.save(0)
    again = source.get_samples(2)
    assert again[0] is groups[2]
    resumed = load_function("data_source.AssayDataSource")(args)
    resumed.load(0)
    assert resumed.curriculum.told == 2
    chosen = again[1][0].metadata["assay_id"]
    assert resumed.get_samples(1)[0][0].metadata["assay_id"] == chosen
