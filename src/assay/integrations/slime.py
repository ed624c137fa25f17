"""slime: a reward for `--custom-rm-path`, and a data source that wraps an online curriculum."""

import asyncio
import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.errors import ConfigError
from assay.integrations.curriculum import ObservedAttempt, TrainerCurriculum, load_curriculum
from assay.integrations.reward import Answer, Reward

SOURCES: list["CurriculumSource"] = []  # of this process, the newest last: `observe_group` tells it of finished groups


async def score_samples(reward: Reward, samples: Any) -> Any:
    """Return the reward of one sample, or a list of them for the samples of a group.

    A sample whose verifier failed gets 0 and is marked with `remove_sample`, so that slime leaves it out of the loss.

    Args:
        reward: of the data set.
        samples: one of slime's samples or a list of them: `response`, `metadata` and `status` are read.
    """
    group = samples if isinstance(samples, Sequence) else [samples]
    answers = [Answer(sample.metadata, sample.response, _finish(sample)) for sample in group]
    rewards = await asyncio.to_thread(reward.rewards, answers)
    for sample, value in zip(group, rewards, strict=True):
        if value is None:
            sample.remove_sample = True
    scores = [0.0 if value is None else value for value in rewards]
    return scores if isinstance(samples, Sequence) else scores[0]


def _finish(sample: Any) -> Any:
    return "length" if getattr(sample.status, "value", sample.status) == "truncated" else "stop"


class CurriculumSource:
    """A data source for `--data-source-path`, whose groups an online curriculum chooses.

    The file `data_source.py` that an export writes derives it from slime's RolloutDataSourceWithBuffer, which reads the
    data. Name `assay.integrations.slime.observe_group` in `--dynamic-sampling-filter-path`, so that it hears of each
    group.
    """

    def __init__(self, args: Any) -> None:
        super().__init__(args)  # type: ignore[call-arg]  # of slime's class
        folder = Path(args.prompt_data).parent
        self.group_size = int(args.n_samples_per_prompt)
        self.curriculum = TrainerCurriculum(load_curriculum(folder / "curriculum.json"), group_size=self.group_size)
        self.rows = {str(s.metadata["assay_id"]): s for s in reversed(self.dataset.samples)}  # type: ignore[attr-defined]
        SOURCES.append(self)

    def get_samples(self, num_samples: int) -> list[list[Any]]:
        """Return so many groups of samples: those that wait in the buffer first, then the curriculum's choice."""
        from_buffer: list[list[Any]] = getattr(self, "_get_samples_from_buffer", lambda n: [])(num_samples)
        chosen_ids = self.curriculum.sample(num_samples - len(from_buffer))
        return [*from_buffer, *(self._make_group(id_) for id_ in chosen_ids)]

    def _make_group(self, id_: str) -> list[Any]:
        group = []
        for _ in range(self.group_size):
            sample = copy.deepcopy(self.rows[id_])
            sample.group_index, sample.index = self.sample_group_index, self.sample_index
            self.sample_index += 1
            group.append(sample)
        self.sample_group_index += 1
        return group

    def save(self, rollout_id: int) -> None:
        """Save the state beside slime's own."""
        path = self._state_file(self.args.save, rollout_id)  # type: ignore[attr-defined]
        path.parent.mkdir(parents=True, exist_ok=True)
        counts = np.array([self.sample_group_index, self.sample_index])
        np.savez(path, allow_pickle=False, slime_counts=counts, **self.curriculum.state_dict())

    def load(self, rollout_id: int | None = None) -> None:
        """Continue from the state of a rollout, where there is one."""
        folder = self.args.load  # type: ignore[attr-defined]
        path = self._state_file(folder, rollout_id) if folder is not None else None
        if path is None or not path.is_file():
            return
        with np.load(path, allow_pickle=False) as arrays:
            state = dict(arrays)
        self.sample_group_index, self.sample_index = (int(count) for count in state.pop("slime_counts"))
        self.curriculum.load_state_dict(state)

    def _state_file(self, folder: str, rollout_id: int | None) -> Path:
        return Path(folder) / "rollout" / f"assay_curriculum_{rollout_id}.npz"


def observe_group(args: Any, samples: Sequence[Any], **_: Any) -> bool:
    """Tell the newest data source of a finished group, and return whether training is to use it.

    For `--dynamic-sampling-filter-path`: a group that the curriculum does not admit is sampled again by slime.

    Raises:
        ConfigError: no data source of this package has been made in this process.
    """
    if not SOURCES:
        raise ConfigError("observe_group needs the exported data source: name it in --data-source-path")
    rewards = [_read_reward(args, sample) for sample in samples]
    mean = sum(rewards) / len(rewards)
    attempts = [
        ObservedAttempt(
            str(sample.metadata["assay_id"]),
            "truncated" if _finish(sample) == "length" and value < 1 else "correct" if value >= 1 else "wrong",
            value - mean,
            str(sample.group_index),
            str(sample.index),
        )
        for sample, value in zip(samples, rewards, strict=True)
    ]
    curriculum = SOURCES[-1].curriculum
    curriculum.observe(attempts, version=_read_version(samples, curriculum.version))
    return curriculum.admits(attempts)


def _read_version(samples: Sequence[Any], last_version: int) -> int:
    versions = [str(version) for sample in samples for version in getattr(sample, "weight_versions", None) or []]
    return max([last_version, *(int(version) for version in versions if version.isdecimal())])


def _read_reward(args: Any, sample: Any) -> float:
    key = getattr(args, "reward_key", None)
    return float(sample.reward[key] if key and isinstance(sample.reward, Mapping) else sample.reward or 0.0)
