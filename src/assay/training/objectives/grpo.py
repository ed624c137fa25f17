"""GRPO: every rollout weighs the same, however long it is."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.training.trainer.loss import TokenBatch, clipped_surrogate

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Grpo:
    """mean over rollouts of the mean over their tokens of -min(r A, clip(r) A).

    A = (R - group mean) / (group std + 1e-4). The std divides by G - 1 and the 1e-4 is TRL's. Degenerate: a group whose
    rewards are all equal has A = 0 and moves nothing. Long wrong answers are punished less per token than short ones;
    `dr_grpo` removes that. Source: arXiv:2402.03300, eq. 3.
    """

    epsilon: float = 0.2  # the ratio may move by this much before it stops paying; larger = bolder steps

    def arguments(self) -> dict[str, Any]:
        """Return this objective in TRL's arguments."""
        return {"loss_type": "grpo", "scale_rewards": "group", "epsilon": self.epsilon, "epsilon_high": self.epsilon}

    def per_token(self, tokens: TokenBatch) -> "Tensor":
        """Return PPO's clipped surrogate, (B, T)."""
        return clipped_surrogate(tokens, low=self.epsilon, high=self.epsilon)

    def mean(self, values: "Tensor", tokens: TokenBatch) -> "Tensor":
        """Return this micro-batch's share of the mean over rollouts of token means, (); without tokens 0."""
        rows = (values * tokens.mask).sum(-1) / tokens.mask.sum(-1).clamp(min=1)  # (B,)
        return rows.sum() / tokens.step_rows  # ()
