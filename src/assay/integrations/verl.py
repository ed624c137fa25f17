"""verl: rewards with the signature of `custom_reward_function`, and samplers that wrap an online curriculum."""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from assay.core.errors import ConfigError
from assay.core.types import Outcome
from assay.integrations.curriculum import ObservedAttempt, TrainerCurriculum, load_curriculum
from assay.integrations.reward import Answer, Reward

DATA_SETS: list["CurriculumDataset"] = []  # with a curriculum, of this process, the newest last
FIELDS = ["extra_info", "extra_fields", "rm_scores"]  # of a trajectory in verl's transfer queue


def compute_score(reward: Reward, solution_str: str, extra_info: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what verl stores of a completion.

    Args:
        reward: of the data set.
        solution_str: the completion.
        extra_info: of the row.

    Returns:
        {score: the reward, 0 where the verifier failed; acc: whether it is correct; pred: the answer that was read;
        outcome: correct, wrong, unparsable or verifier_error}. verl does not say whether the completion was cut.

    Raises:
        ConfigError: the row was not exported by this package.
    """
    if not extra_info:
        raise ConfigError("the row has no extra_info: it was not exported by `curate export --to verl`")
    verdict = reward.judge([Answer(extra_info, solution_str)])[0]
    has_failed = verdict.outcome == "verifier_error"
    return {
        "score": 0.0 if has_failed else float(verdict.reward),
        "acc": verdict.outcome == "correct",
        "pred": verdict.extracted,
        "outcome": verdict.outcome,
    }


class CurriculumFile:
    """The rows of an exported data set in the order that its online curriculum chooses.

    The common part of `CurriculumSampler` and `CurriculumDataset`. It needs `curriculum.json` beside the first train
    file, whose rows hold `extra_info.assay_id`.
    """

    curriculum: TrainerCurriculum

    def begin(self, records: Sequence[Mapping[str, Any]], data_config: Any, group_size: int) -> None:
        """Begin the curriculum.

        Args:
            records: `extra_info` of each row of the data set.
            data_config: verl's `data` table: `train_files` and `train_batch_size` are read.
            group_size: rollouts per prompt, `actor_rollout_ref.rollout.n`.
        """
        files = data_config["train_files"]
        folder = Path(_list_files(files)[0]).expanduser().parent
        self.curriculum = TrainerCurriculum(load_curriculum(folder / "curriculum.json"), group_size=group_size)
        self.batch_size = int(data_config["train_batch_size"])
        self.places: dict[str, int] = {
            str(record["assay_id"]): place for place, record in reversed(list(enumerate(records)))
        }
        self._queue: list[str] = []

    def next_row(self) -> int:
        """Return the row of the next problem; a batch is chosen when its first row is wanted.

        Raises:
            StopIteration: the curriculum has no more.
        """
        if not self._queue:
            self._queue = list(self.curriculum.sample(self.batch_size))
        if not self._queue:
            raise StopIteration
        return int(self.places[self._queue.pop(0)])

    def observe_batch(self, batch: Any) -> int:
        """Tell the curriculum of a trained batch, a DataProto; return the groups that it was told of."""
        return self.curriculum.observe(read_attempts(batch), version=batch.meta_info.get("global_steps"))

    def state_dict(self) -> dict[str, Any]:
        """Return the curriculum's state, and what is left of the batch at work."""
        return {**self.curriculum.state_dict(), "queue": list(self._queue)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved state."""
        self.curriculum.load_state_dict(state)
        self._queue = list(state["queue"])


class CurriculumSampler(CurriculumFile):
    """A sampler for `data.sampler.class_path` (verl 0.5 to 0.8), which calls `update` after each batch.

    The file `sampler.py` that an export writes derives it from verl's own class.
    """

    def __init__(self, data_source: Any, data_config: Any) -> None:
        self.size = len(data_source)
        settings = data_config.get("sampler") or {}
        self.begin(_read_records(data_source), data_config, int(settings.get("group_size") or 8))

    def __iter__(self) -> Iterator[int]:
        """Yield rows for one epoch, chosen a batch at a time."""
        for _ in range(self.size):
            try:
                yield self.next_row()
            except StopIteration:
                return

    def __len__(self) -> int:
        """Return the rows of an epoch."""
        return self.size

    def update(self, batch: Any) -> None:
        """Learn from a batch."""
        self.observe_batch(batch)


class CurriculumDataset(CurriculumFile):
    """A data set for `data.custom_cls` (verl 0.9), which is told of each batch by verl or by `CurriculumReplayBuffer`.

    The file `sampler.py` that an export writes derives it from verl's RLHFDataset. verl makes its validation data of
    the same class: they stay as they are. The data loader must be sequential and without workers, as the exported
    command says; its checkpoint holds the curriculum's state.
    """

    def __getitem__(self, place: int) -> Any:
        """Return the row of the next problem; the place is only a count."""
        return super().__getitem__(self.next_row() if self._begun() else place)  # type: ignore[misc]

    def on_batch_end(self, batch: Any) -> None:
        """Learn from a batch; verl's trainer calls this with `trainer.use_v1=False`."""
        if self._begun():
            self.observe_batch(batch)

    def state_dict(self) -> dict[str, Any]:
        """Return the curriculum's state; of validation data nothing."""
        return super().state_dict() if self._begun() else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved state."""
        if self._begun():
            super().load_state_dict(state)

    def _begun(self) -> bool:
        """Begin the curriculum at its first use, and return whether this data set has one: that to train on."""
        config = self.config  # type: ignore[attr-defined]  # of RLHFDataset
        files = getattr(self, "original_data_files", config["train_files"])
        if _list_files(files) != _list_files(config["train_files"]):
            return False
        if not hasattr(self, "curriculum"):
            self.begin(_read_records(self), config, int((config.get("curriculum") or {}).get("group_size") or 8))
            DATA_SETS.append(self)
        return True


class CurriculumReplayBuffer:
    """A replay buffer for `trainer.v1.sampler.custom_sampler` (verl 0.9), which tells the curriculum of each batch.

    verl's own trainer since 0.9 calls `on_batch_end` no more; what it trains on passes through here. The file
    `sampler.py` that an export writes derives it from verl's buffers. Groups that verl gives up are told to no
    curriculum, which waits for them for `max_lag` steps.
    """

    def sample(self, global_steps: int, partition_id: str, batch_size: int) -> Any:
        """Return a batch and its metrics, as verl's buffer does.

        Raises:
            ConfigError: the data set of this process has no curriculum.
        """
        batch, metrics = super().sample(global_steps, partition_id, batch_size)  # type: ignore[misc]
        if partition_id != "val":
            if not DATA_SETS:
                raise ConfigError("the replay buffer needs the exported data set: name AssayDataset in data.custom_cls")
            DATA_SETS[-1].curriculum.observe(read_trajectories(batch), version=global_steps)
        return batch, metrics


def read_trajectories(batch: Any) -> list[ObservedAttempt]:
    """Return the rollouts of a batch in verl's transfer queue: the last trajectory of each session.

    Args:
        batch: with `keys` (UID_SESSION_INDEX), `tags` and `partition_id`; the fields are read from the queue of this
            process.
    """
    queue = importlib.import_module("transfer_queue")
    last: dict[str, str] = {}
    for key, tag in zip(batch.keys, batch.tags, strict=True):
        if not tag.get("is_padding"):
            session = key.rpartition("_")[0]
            last[session] = max(last.get(session, key), key, key=lambda name: int(name.rpartition("_")[2]))
    keys = list(last.values())
    rows = queue.kv_batch_get(keys=keys, partition_id=batch.partition_id, select_fields=FIELDS) if keys else {}
    infos, extras = ([_plain(value) for value in rows[name]] if keys else [] for name in ("extra_info", "extra_fields"))
    scores = [float(row.sum()) for row in rows["rm_scores"]] if keys else []
    groups = [key.partition("_")[0] for key in keys]
    return [
        ObservedAttempt(
            str(info["assay_id"]), _outcome(extra.get("reward_extra_info") or {}, score), spread, group, key
        )
        for key, group, info, extra, score, spread in zip(
            keys, groups, infos, extras, scores, _spreads(scores, groups), strict=True
        )
    ]


def _plain(value: Any) -> Any:
    return value if isinstance(value, Mapping) else value.data  # tensordict may wrap what is no tensor


def _outcome(extra: Mapping[str, Any], score: float) -> Outcome:
    """Return the outcome that the exported reward said, else by `acc`, else by whether the score is at least 1."""
    if "outcome" in extra:
        return cast(Outcome, str(extra["outcome"]))
    return "correct" if (bool(extra["acc"]) if "acc" in extra else score >= 1) else "wrong"


def _list_files(files: Any) -> list[str]:
    return [files] if isinstance(files, str) else [str(file) for file in files]


def read_attempts(batch: Any) -> list[ObservedAttempt]:
    """Return the rollouts of a DataProto: their problem, group, outcome and advantage.

    The outcome is what the exported reward says (`outcome`), else what `acc` says, else whether the score is at least
    1.
    """
    rows, tensors = batch.non_tensor_batch, batch.batch
    infos, uids = rows["extra_info"], rows.get("uid")
    scores = tensors["token_level_scores"].sum(-1).tolist()
    has_advantages = "advantages" in tensors.keys()  # noqa: SIM118  # a TensorDict
    sizes = tensors["advantages"].abs().amax(-1).tolist() if has_advantages else _spreads(scores, uids)
    attempts = []
    for place, info in enumerate(infos):
        outcome = _outcome({name: rows[name][place] for name in ("outcome", "acc") if name in rows}, scores[place])
        group = "" if uids is None else str(uids[place])
        attempts.append(ObservedAttempt(str(info["assay_id"]), outcome, float(sizes[place]), group))
    return attempts


def _spreads(scores: Sequence[float], uids: Any) -> list[float]:
    """Return each score's distance from the mean of its group, where a batch holds no advantages."""
    names = [str(name) for name in (range(len(scores)) if uids is None else uids)]
    means = {
        name: sum(s for s, n in zip(scores, names, strict=True) if n == name) / names.count(name) for name in set(names)
    }
    return [score - means[name] for score, name in zip(scores, names, strict=True)]


def _read_records(data_source: Any) -> list[Mapping[str, Any]]:
    """Return `extra_info` of each row: a column of RLHFDataset's frame, or a field of each row."""
    frame = getattr(data_source, "dataframe", None)
    if frame is not None:
        return list(frame["extra_info"])
    return [data_source[place]["extra_info"] for place in range(len(data_source))]
