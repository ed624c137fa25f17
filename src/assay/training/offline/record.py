"""Know how far a training on stored rows is, and what its latest step read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assay.core.ports import Judge, Reporter, RolloutSink
from assay.core.types import Mode, Policy, SamplingConfig
from assay.training.held_out.attempts import evaluation_policy
from assay.training.offline.row_order import RowOrder
from assay.training.trainer.rollout_recorder import training_policy


@dataclass
class StoredRowsRecord:
    """The record (`RunRecord`) of a run that trains on stored rows. It samples nothing but held-out attempts."""

    judge: Judge
    sink: RolloutSink
    reporter: Reporter
    base: Policy
    sampler: SamplingConfig
    run: str
    order: RowOrder
    tokens_per_row: Sequence[int]  # that carry loss
    rank: int = 0
    processes: int = 1
    mode: Mode = "strict"
    tokenizer: Any = None
    end_tokens: frozenset[int] = frozenset()
    attempt: int = 0
    tokens: int = 0  # trained on in the whole run, repeated ones counted again
    metrics: dict[str, float] = field(default_factory=dict)
    step: int = -1  # the latest, from 0

    @property
    def reward_means(self) -> tuple[float | None, ...]:
        """Nothing is rewarded."""
        return ()

    @property
    def saved(self) -> Mapping[str, Any]:
        """Nothing is rewarded."""
        return {}

    def check_rewards(self) -> str:
        """Nothing is rewarded."""
        return ""

    def begin_step(self, step: int) -> None:
        """Count what a step reads; of several processes each counts its share."""
        self.step, places = step, self.order.places(step)
        tokens = sum(self.tokens_per_row[place] for place in places)
        self.tokens += tokens // self.processes
        self.metrics = {"rows": len(places) / self.processes, "tokens": float(tokens // self.processes)}

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of a completion, without special tokens."""
        return str(self.tokenizer.decode(ids, skip_special_tokens=True))

    def log(self, metrics: Mapping[str, float]) -> None:
        """Hand the latest step's measurements to the sink, under the policy with which the step began."""
        policy = training_policy(self.run, self.base, self.step, self.attempt)
        self.sink.log(policy.revision, self.step, metrics)

    def attempt_revisions(self, first: int, attempt: int) -> list[str]:
        """Return the policy revisions of an attempt at the steps from `first` on, and of the evaluations after each.

        The evaluation after step `first` itself belongs to the state that is resumed.
        """
        steps, evaluated = range(first, self.order.steps), range(first + 1 if first else 0, self.order.steps + 1)
        logged = [training_policy(self.run, self.base, step, attempt).revision for step in steps]
        return logged + [evaluation_policy(self.run, self.base, step, attempt).revision for step in evaluated]
