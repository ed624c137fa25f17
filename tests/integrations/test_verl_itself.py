"""verl's own code with an exported folder: its reward manager, data set, sampler, loader, replay buffer and transfer queue.

These run where verl is installed (`make test-trainers`); test_verl.py holds the same interfaces to their documented form.
"""

import asyncio
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.engines.models.registry import find_checkpoint
from assay.integrations import verl as ours

pytest.importorskip("verl")
pytestmark = pytest.mark.service
GROUP, BATCH = 4, 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, export_sums: Callable[[Path, str, int], Path]) -> Path:
    """An export for verl of eight problems under an adaptive curriculum."""
    return export_sums(tmp_path_factory.mktemp("verl"), "verl", 8)


@pytest.fixture
def data_config(folder: Path) -> Iterator[Any]:
    """verl's `data` table with what the exported sampler.py says."""
    from omegaconf import OmegaConf

    sampler = str(folder / "sampler.py")
    yield OmegaConf.create(
        {
            "train_files": [str(folder / "train.parquet")],
            "val_files": [str(folder / "filtered.parquet")],
            "train_batch_size": BATCH,
            "filter_overlong_prompts": False,
            "shuffle": False,
            "dataloader_num_workers": 0,
            "return_raw_chat": True,
            "custom_cls": {"path": sampler, "name": "AssayDataset"},
            "curriculum": {"group_size": GROUP},
            "sampler": {"class_path": sampler, "class_name": "AssaySampler", "group_size": GROUP},
        }
    )
    ours.DATA_SETS.clear()


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(find_checkpoint("tiny-arithmetic"))


def test_verl_s_reward_manager_scores_by_the_exported_function(folder: Path, tokenizer: Any) -> None:
    reward = pytest.importorskip("verl.trainer.ppo.reward")
    if not hasattr(reward, "resolve_reward_manager_cls"):
        pytest.skip("verl before 0.9")
    import torch
    from omegaconf import OmegaConf
    from verl import DataProto

    row = _read_rows(folder)[0]
    config = OmegaConf.create(
        {
            "reward": {
                "custom_reward_function": {"path": str(folder / "reward.py"), "name": "compute_score"},
                "reward_manager": {"source": "register", "name": "naive"},
            }
        }
    )

    async def score(text: str) -> dict[str, Any]:
        manager = reward.load_reward_manager(config, tokenizer)
        ids = torch.tensor([tokenizer.encode(text, add_special_tokens=False)])
        columns = {name: np.array([row[name]], dtype=object) for name in ("data_source", "reward_model", "extra_info")}
        data = DataProto.from_dict({"responses": ids, "attention_mask": torch.ones_like(ids)}, non_tensors=columns)
        return dict(await manager.run_single(data))

    right, wrong = (asyncio.run(score(text)) for text in (row["reward_model"]["ground_truth"], "0"))
    assert (right["reward_score"], right["reward_extra_info"]["outcome"]) == (1.0, "correct")
    assert (wrong["reward_score"], wrong["reward_extra_info"]["outcome"]) == (0.0, "wrong")


def test_the_sampler_is_made_by_verl_and_chooses_batches(data_config: Any, folder: Path, tokenizer: Any) -> None:
    pytest.importorskip("verl.experimental.dataset.sampler", reason="verl 0.9 has none")
    from torchdata.stateful_dataloader import StatefulDataLoader
    from verl.trainer.main_ppo import create_rl_dataset, create_rl_sampler
    from verl.utils.dataset.rl_dataset import collate_fn

    data_config.custom_cls = {"path": None, "name": None}
    dataset = create_rl_dataset(data_config.train_files, data_config, tokenizer, None)
    sampler = create_rl_sampler(data_config, dataset)
    loader = StatefulDataLoader(dataset, batch_size=BATCH, sampler=sampler, num_workers=0, collate_fn=collate_fn)
    batches = iter(loader)
    for step in (1, 2):
        sampler.update(_trained(next(batches), step))
    assert (sampler.curriculum.told, sampler.curriculum.open_groups) == (4, 0)


def test_the_data_set_is_verl_s_and_only_training_rows_are_ordered(
    data_config: Any, folder: Path, tokenizer: Any
) -> None:
    dataset, loader = _load(data_config, data_config.train_files, tokenizer)
    assert isinstance(dataset, pytest.importorskip("verl.utils.dataset.rl_dataset").RLHFDataset)
    batches = iter(loader)
    for step in (1, 2):
        dataset.on_batch_end(_trained(next(batches), step))
    assert dataset.curriculum.told == 4
    saved = loader.state_dict()
    later = [_ids(next(batches)) for _ in range(2)]
    _, resumed = _load(data_config, data_config.train_files, tokenizer)
    resumed.load_state_dict(saved)
    assert [_ids(batch) for batch in resumed] == later
    held_out, plain = _load(data_config, [str(folder / "train.parquet"), str(folder / "train.parquet")], tokenizer)
    assert [id_ for batch in plain for id_ in _ids(batch)] == 2 * [
        row["extra_info"]["assay_id"] for row in _read_rows(folder)
    ]
    assert not hasattr(held_out, "curriculum")


def test_the_replay_buffer_tells_the_curriculum_of_what_verl_trains_on(
    data_config: Any, folder: Path, tokenizer: Any
) -> None:
    pytest.importorskip("verl.trainer.ppo.v1.replay_buffer", reason="before verl 0.9")
    import ray
    import torch
    import transfer_queue
    from omegaconf import OmegaConf
    from verl.utils.import_utils import load_extern_type
    from verl.utils.tensordict_utils import list_of_dict_to_tensordict

    dataset, loader = _load(data_config, data_config.train_files, tokenizer)
    ray.init(num_cpus=16, include_dashboard=False, log_to_driver=False)
    transfer_queue.init()
    try:
        buffer = load_extern_type(str(folder / "sampler.py"), "AssayReplayBuffer")(
            trainer_mode="sync",
            trainer_config=OmegaConf.create({}),
            max_off_policy_threshold=None,
            max_off_policy_strategy="drop",
            sampler_kwargs=OmegaConf.create({}),
            refill_fn=None,
        )
        for step, batch in zip((1, 2), loader, strict=False):
            for info in batch["extra_info"]:
                uid = str(uuid.uuid4())
                fields = [
                    {
                        "extra_info": info,
                        "extra_fields": {"reward_extra_info": {"outcome": "correct" if n == 0 else "wrong"}},
                        "rm_scores": torch.tensor([0.0, float(n == 0)]),
                    }
                    for n in range(GROUP)
                ]
                tags = [{"status": "success", "global_steps": step, "seq_len": 2} for _ in fields]
                keys = [f"{uid}_{n}_0" for n in range(GROUP)]
                prompt = {"is_prompt": True, "status": "finished", "global_steps": step}
                transfer_queue.kv_batch_put(keys=[uid], partition_id="train", tags=[prompt])
                transfer_queue.kv_batch_put(
                    keys=keys, partition_id="train", tags=tags, fields=list_of_dict_to_tensordict(fields)
                )
            buffer.sample(global_steps=step, partition_id="train", batch_size=BATCH)
            assert dataset.curriculum.told == BATCH * step
        assert dataset.curriculum.version == 2
        assert (dataset.curriculum.open_groups, dataset.curriculum.late) == (0, 0)
    finally:
        transfer_queue.close()
        ray.shutdown()


def _load(config: Any, files: Any, tokenizer: Any) -> tuple[Any, Any]:
    """Make the data set and its loader as verl's trainer does."""
    from torch.utils.data import SequentialSampler
    from torchdata.stateful_dataloader import StatefulDataLoader
    from verl.utils.dataset.rl_dataset import collate_fn, get_dataset_class

    dataset = get_dataset_class(config)(
        data_files=files, tokenizer=tokenizer, processor=None, config=config, max_samples=-1
    )
    sampler = SequentialSampler(dataset)
    return dataset, StatefulDataLoader(
        dataset=dataset, batch_size=BATCH, num_workers=0, drop_last=True, collate_fn=collate_fn, sampler=sampler
    )


def _trained(batch: dict[str, Any], step: int) -> Any:
    """A DataProto of whole groups, each with one right rollout."""
    import torch
    from verl import DataProto

    infos = [info for info in batch["extra_info"] for _ in range(GROUP)]
    scores = torch.zeros(len(infos), 2)
    scores[::GROUP, -1] = 1.0
    columns = {
        "extra_info": np.array(infos, dtype=object),
        "uid": np.array([f"{step}-{n // GROUP}" for n in range(len(infos))], dtype=object),
    }
    return DataProto.from_dict({"token_level_scores": scores}, non_tensors=columns, meta_info={"global_steps": step})


def _ids(batch: dict[str, Any]) -> list[str]:
    return [info["assay_id"] for info in batch["extra_info"]]


def _read_rows(folder: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    return list(pq.read_table(folder / "train.parquet").to_pylist())
