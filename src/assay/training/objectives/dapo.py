"""DAPO: every token weighs the same, and good tokens may grow further than bad ones shrink."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.training.trainer.loss import TokenBatch, clipped_surrogate

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Dapo:
    """mean over all tokens of the step of -min(r A, clip(r, 1 - low, 1 + high) A), A as in grpo.

    Long rollouts weigh more than in grpo. Degenerate: equal rewards in a group give A = 0; with one length and low =
    high it is grpo. Not here: dynamic sampling, which is the curriculum `dynamic`, and the soft penalty for length,
    which is `[train.reward] length`. Source: arXiv:2503.14476, eq. 8 and sec. 3.1, 3.3.
    """

    epsilon_low: float = 0.2  # how far the ratio may fall while A < 0
    epsilon_high: float = 0.28  # how far it may rise while A > 0; larger = more exploration

    def arguments(self) -> dict[str, Any]:
        """Return this objective in TRL's arguments."""
        return {
            "loss_type": "dapo",
            "scale_rewards": "group",
            "epsilon": self.epsilon_low,
            "epsilon_high": self.epsilon_high,
        }

    def per_token(self, tokens: TokenBatch) -> "Tensor":
        """Return PPO's surrogate with two different clips, (B, T)."""
        return clipped_surrogate(tokens, low=self.epsilon_low, high=self.epsilon_high)

    def mean(self, values: "Tensor", tokens: TokenBatch) -> "Tensor":
        """Return this micro-batch's share of the mean over the step's tokens, (); a step without tokens is 0."""
        return (values * tokens.mask).sum() / max(tokens.step_tokens, 1.0)  # ()
