"""slime's data source interface: groups that the curriculum chooses, told back by the dynamic filter, saved and loaded."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assay.core.errors import ConfigError
from assay.integrations import slime


class RolloutSource:
    """The part of slime's RolloutDataSource that ours builds on: it reads the data and counts samples."""

    def __init__(self, args: Any) -> None:
        self.args, self.sample_group_index, self.sample_index = args, 0, 0
        lines = Path(args.prompt_data).read_text().splitlines()
        self.dataset = SimpleNamespace(
            samples=[SimpleNamespace(metadata=json.loads(line)["metadata"]) for line in lines]
        )


class AssayDataSource(slime.CurriculumSource, RolloutSource):
    """As the exported file derives it."""


@pytest.fixture
def args(tmp_path: Path) -> Iterator[Any]:
    ids = [f"p{n}" for n in range(6)]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps({"metadata": {"assay_id": id_}}) + "\n" for id_ in ids))
    columns = {"beta_a": [1.0 + n for n in range(6)], "beta_b": [6.0 - n for n in range(6)]}
    content = {"curriculum": "posterior", "settings": {}, "seed": 0, "ids": ids, "columns": columns, "cluster": None}
    (tmp_path / "curriculum.json").write_text(json.dumps(content))
    yield SimpleNamespace(
        prompt_data=str(tmp_path / "train.jsonl"),
        n_samples_per_prompt=4,
        save=str(tmp_path / "saved"),
        load=str(tmp_path / "saved"),
        reward_key=None,
    )
    slime.SOURCES.clear()


def finish(args: Any, group: list[Any], rewards: list[float]) -> bool:
    for sample, reward in zip(group, rewards, strict=True):
        sample.reward, sample.status, sample.weight_versions = reward, "completed", ["3"]
    return slime.observe_group(args, group)


def test_groups_are_chosen_by_the_curriculum_and_told_back(args: Any) -> None:
    source = AssayDataSource(args)
    groups = source.get_samples(2)
    assert [[sample.index for sample in group] for group in groups] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert [group[0].group_index for group in groups] == [0, 1]
    assert finish(args, groups[1], [0.0, 0.0, 1.0, 0.0])
    assert source.curriculum.told == 0  # the first one is still on its way
    assert finish(args, groups[0], [1.0, 1.0, 1.0, 1.0])
    assert (source.curriculum.told, source.curriculum.version) == (2, 3)


def test_a_saved_source_goes_on(args: Any) -> None:
    source = AssayDataSource(args)
    groups = source.get_samples(2)
    finish(args, groups[0], [1.0, 0.0, 0.0, 0.0])
    source.save(7)
    other = AssayDataSource(args)
    other.load(7)
    other.load(99)  # there is none: nothing changes
    assert other.curriculum.open_groups == 1
    again = [source.get_samples(3), other.get_samples(3)]
    chosen = [[(group[0].metadata["assay_id"], group[0].group_index) for group in groups] for groups in again]
    assert chosen[0] == chosen[1]


def test_the_filter_without_a_source_says_what_to_name(args: Any) -> None:
    with pytest.raises(ConfigError, match="name it in --data-source-path"):
        slime.observe_group(args, [])
