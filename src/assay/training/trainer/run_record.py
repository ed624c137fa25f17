"""What callbacks, evaluation and checkpoints know of a run, whatever it trains on."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from assay.core.ports import Judge, Reporter, RolloutSink
from assay.core.types import Mode, Policy, SamplingConfig


class RunRecord(Protocol):
    """One run: who it is, where its rollouts and measurements go, and how far it is.

    `RolloutRecorder` is the record of a run that samples, `StoredRowsRecord` of one that trains on stored rows.
    """

    judge: Judge
    sink: RolloutSink
    reporter: Reporter
    base: Policy
    sampler: SamplingConfig
    run: str
    rank: int  # of this process
    processes: int
    mode: Mode
    end_tokens: frozenset[int]  # ids that end a completion
    attempt: int  # how often the steps to come were sampled before
    tokens: int  # in the whole run
    metrics: dict[str, float]  # of the latest step, for its log row; holds `tokens`

    @property
    def reward_means(self) -> tuple[float | None, ...]:
        """The mean reward per step so far; none where nothing is rewarded."""

    @property
    def saved(self) -> Mapping[str, Any]:
        """What a resume state keeps besides counts and mean rewards."""

    def check_rewards(self) -> str:
        """Return a warning where rewards rise and correctness does not, else ""."""

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of a completion, without special tokens."""

    def log(self, metrics: Mapping[str, float]) -> None:
        """Hand the latest step's measurements to the sink."""
