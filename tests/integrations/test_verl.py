"""verl's sampler interface: rows in the curriculum's order, learning from batches, and state in the loader's checkpoint."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from assay.core.errors import ConfigError
from assay.integrations.verl import CurriculumDataset, CurriculumSampler, read_attempts

torch = pytest.importorskip("torch")

GROUP = 4


class Rows:
    """A data set as verl's RLHFDataset presents it."""

    def __init__(self, count: int) -> None:
        self.dataframe = {"extra_info": [{"assay_id": f"p{n}"} for n in range(count)]}
        self.config: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self.dataframe["extra_info"])

    def __getitem__(self, place: int) -> dict[str, Any]:
        return {"index": place, "extra_info": self.dataframe["extra_info"][place]}


class AssayDataset(CurriculumDataset, Rows):
    """As the exported file derives it from RLHFDataset."""


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    ids = [f"p{n}" for n in range(8)]
    columns = {"beta_a": [1.0 + n for n in range(8)], "beta_b": [8.0 - n for n in range(8)]}
    content = {"curriculum": "posterior", "settings": {}, "seed": 0, "ids": ids, "columns": columns, "cluster": None}
    (tmp_path / "curriculum.json").write_text(json.dumps(content))
    return {
        "train_files": [str(tmp_path / "train.parquet")],
        "train_batch_size": 2,
        "sampler": {"group_size": GROUP},
        "curriculum": {"group_size": GROUP},
    }


def batch_of(records: list[dict[str, Any]], step: int, *, outcome: str = "") -> Any:
    """A DataProto of whole groups, of which the first has two right rollouts and the others none."""
    infos = [record for record in records for _ in range(GROUP)]
    scores = torch.zeros(len(infos), 3)
    scores[:2, -1] = 1.0
    rows = {
        "extra_info": np.array(infos, dtype=object),
        "uid": np.array([f"{step}-{n // GROUP}" for n in range(len(infos))]),
    }
    if outcome:
        rows["outcome"] = np.array([outcome] * len(infos))
    return SimpleNamespace(
        non_tensor_batch=rows, batch={"token_level_scores": scores}, meta_info={"global_steps": step}
    )


def test_the_sampler_yields_rows_a_batch_at_a_time_and_learns_between_batches(config: dict[str, Any]) -> None:
    data = Rows(8)
    sampler = CurriculumSampler(data, config)
    assert len(sampler) == 8
    rows = iter(sampler)
    for step in range(1, 3):
        chosen = [data[next(rows)]["extra_info"] for _ in range(2)]
        sampler.update(batch_of(chosen, step))
    assert (sampler.curriculum.told, sampler.curriculum.open_groups) == (4, 0)


def test_a_resumed_sampler_chooses_what_the_first_would_have(config: dict[str, Any]) -> None:
    data = Rows(8)
    first, second = CurriculumSampler(data, config), CurriculumSampler(data, config)
    rows = iter(first)
    first.update(batch_of([data[next(rows)]["extra_info"] for _ in range(2)], 1))
    second.load_state_dict(first.state_dict())
    assert [next(rows) for _ in range(6)] == [row for row, _ in zip(iter(second), range(6), strict=False)]


def test_outcomes_come_from_the_reward_else_from_scores(config: dict[str, Any]) -> None:
    records = [{"assay_id": "p1"}, {"assay_id": "p2"}]
    attempts = read_attempts(batch_of(records, 1))
    assert [attempt.outcome for attempt in attempts] == ["correct", "correct", *["wrong"] * 6]
    assert [attempt.advantage for attempt in attempts[:4]] == [0.5, 0.5, -0.5, -0.5]
    assert {attempt.outcome for attempt in read_attempts(batch_of(records, 1, outcome="unparsable"))} == {"unparsable"}


def test_the_data_set_of_verl_0_9_keeps_its_curriculum_in_the_loader_s_checkpoint(config: dict[str, Any]) -> None:
    loaders = pytest.importorskip("torchdata.stateful_dataloader")

    def make() -> tuple[AssayDataset, Any]:
        data = AssayDataset(8)
        data.config = config
        data.begin(data.dataframe["extra_info"], config, GROUP)
        sampler = torch.utils.data.SequentialSampler(data)
        return data, loaders.StatefulDataLoader(
            data, batch_size=2, sampler=sampler, num_workers=0, collate_fn=lambda rows: rows
        )

    data, loader = make()
    batches = iter(loader)
    for step in (1, 2):
        data.on_batch_end(batch_of([row["extra_info"] for row in next(batches)], step))
    saved = loader.state_dict()
    later = [[row["index"] for row in next(batches)] for _ in range(2)]
    resumed, other = make()
    other.load_state_dict(saved)
    assert [[row["index"] for row in batch] for batch in other] == later
    assert resumed.curriculum.told == 4


def test_without_the_curriculum_s_file_the_error_says_what_is_missing(config: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "curriculum.json").unlink()
    with pytest.raises(ConfigError, match="not adaptive, or the file was not copied"):
        CurriculumSampler(Rows(8), config)
