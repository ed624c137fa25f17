"""Dr. GRPO: no division by length or by the group's spread."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.training.trainer.loss import TokenBatch, clipped_surrogate

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class DrGrpo:
    """sum over all tokens of -min(r A, clip(r) A), divided by rollouts x limit; A = R - group mean.

    The divisor is a constant, so a token weighs the same in a short and in a long rollout, and an easy or hard group is
    not blown up by its small spread. Degenerate: equal rewards in a group give A = 0. Source: arXiv:2503.20783, sec.
    3.2.
    """

    epsilon: float = 0.2  # as in grpo

    def arguments(self) -> dict[str, Any]:
        """Return this objective in TRL's arguments."""
        return {"loss_type": "dr_grpo", "scale_rewards": "none", "epsilon": self.epsilon, "epsilon_high": self.epsilon}

    def per_token(self, tokens: TokenBatch) -> "Tensor":
        """Return PPO's clipped surrogate, (B, T)."""
        return clipped_surrogate(tokens, low=self.epsilon, high=self.epsilon)

    def mean(self, values: "Tensor", tokens: TokenBatch) -> "Tensor":
        """Return this micro-batch's share of the sum over all tokens divided by rollouts x limit, ()."""
        return (values * tokens.mask).sum() / (tokens.step_rows * tokens.limit)  # ()
