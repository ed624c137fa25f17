"""verl: rewards with the signature of `custom_reward_function`, and samplers that wrap an online curriculum."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from assay.core.errors import ConfigError
from assay.core.types import Outcome
from assay.integrations.curriculum import ObservedAttempt, TrainerCurriculum, load_curriculum
from assay.integrations.reward import Answer, Reward


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
    failed = verdict.outcome == "verifier_error"
    return {
        "score": 0.0 if failed else float(verdict.reward),
        "acc": verdict.outcome == "correct",
        "pred": verdict.extracted,
        "outcome": verdict.outcome,
    }


class CurriculumRows:
    """The rows of an exported data set in the order that its online curriculum chooses.

    The common part of `CurriculumSampler` and `CurriculumDataset`. It needs `curriculum.json` beside the first train file,
    whose rows hold `extra_info.assay_id`.
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
        first = files if isinstance(files, str) else files[0]
        self.curriculum = TrainerCurriculum(
            load_curriculum(Path(str(first)).parent / "curriculum.json"), group_size=group_size
        )
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


class CurriculumSampler(CurriculumRows):
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


class CurriculumDataset(CurriculumRows):
    """A data set for `data.custom_cls` (verl 0.9), whose `on_batch_end` verl calls after each batch.

    The file `sampler.py` that an export writes derives it from verl's RLHFDataset. The data loader must be sequential and
    without workers, as the exported command says; its checkpoint holds the curriculum's state.
    """

    def __getitem__(self, place: int) -> Any:
        """Return the row of the next problem; the place is only a count."""
        if not hasattr(self, "curriculum"):
            settings = self.config.get("curriculum") or {}  # type: ignore[attr-defined]  # of RLHFDataset
            self.begin(_read_records(self), self.config, int(settings.get("group_size") or 8))  # type: ignore[attr-defined]
        return super().__getitem__(self.next_row())  # type: ignore[misc]

    def on_batch_end(self, batch: Any) -> None:
        """Learn from a batch."""
        self.observe_batch(batch)


def read_attempts(batch: Any) -> list[ObservedAttempt]:
    """Return the rollouts of a DataProto: their problem, group, outcome and advantage.

    The outcome is what the exported reward says (`outcome`), else what `acc` says, else whether the score is at least 1.
    """
    rows, tensors = batch.non_tensor_batch, batch.batch
    infos, uids = rows["extra_info"], rows.get("uid")
    scores = tensors["token_level_scores"].sum(-1).tolist()
    sizes = tensors["advantages"].abs().amax(-1).tolist() if "advantages" in tensors.keys() else _spreads(scores, uids)  # noqa: SIM118  # a TensorDict
    attempts = []
    for place, info in enumerate(infos):
        if "outcome" in rows:
            outcome = str(rows["outcome"][place])
        else:
            right = bool(rows["acc"][place]) if "acc" in rows else scores[place] >= 1
            outcome = "correct" if right else "wrong"
        group = "" if uids is None else str(uids[place])
        attempts.append(ObservedAttempt(str(info["assay_id"]), cast(Outcome, outcome), float(sizes[place]), group))
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
