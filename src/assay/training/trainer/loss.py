"""What an objective reads, and the terms that objectives share; all on torch tensors, without importing torch.

Shapes: B rows of a micro-batch, T completion tokens. A step may be cut into micro-batches: each yields its summand, and
the summands of a step add up to the step's loss, so no objective divides by the number of micro-batches.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """One micro-batch as an objective sees it."""

    logp: "Tensor"  # (B, T) log-probability of each sampled token under the trained policy; carries the gradient
    old_logp: "Tensor"  # (B, T) the same under the policy that sampled it; no gradient
    advantages: "Tensor"  # (B, 1), or (B, T) where tokens of one rollout differ
    mask: "Tensor"  # (B, T) 1 = counts, 0 = padding or left out
    step_rows: int  # rollouts of the whole step
    step_tokens: float  # tokens of the whole step that count
    limit: int  # most tokens that a completion may have
    guided: "Tensor | None" = None  # (B, T) 1 = of a sequence that a teacher helped to write; None = the run has none
    step_guided: float = 0.0  # guided tokens of the whole step that count


@runtime_checkable
class Objective(Protocol):
    """A policy-gradient objective: a loss for each token, and how tokens become one number."""

    def arguments(self) -> dict[str, Any]:
        """Return the objective in TRL's own arguments; `scale_rewards` also decides how advantages are computed."""

    def per_token(self, tokens: TokenBatch) -> "Tensor":
        """Return the loss of each token, (B, T)."""

    def mean(self, values: "Tensor", tokens: TokenBatch) -> "Tensor":
        """Return this micro-batch's summand of the step's loss, (), from the losses per token (B, T)."""


def clipped_surrogate(tokens: TokenBatch, *, low: float, high: float) -> "Tensor":
    """-min(r A, clip(r, 1 - low, 1 + high) A), (B, T), with r = p / p_old: PPO's surrogate, one-sided by the sign of A.

    On policy r = 1, so the value is -A and its gradient is -A grad log p. Source: arXiv:1707.06347, eq. 7.
    """
    ratio = (tokens.logp - tokens.old_logp).exp()  # (B, T)
    return -(ratio * tokens.advantages).minimum(ratio.clamp(1 - low, 1 + high) * tokens.advantages)  # (B, T)


def dual_clipped_surrogate(tokens: TokenBatch, *, low: float, high: float, most: float) -> "Tensor":
    """`clipped_surrogate`, and where A < 0 never above -A x most, (B, T): the penalty of a bad token is bounded.

    most > 1 + high; at most = infinity it is `clipped_surrogate`. Source: arXiv:1912.09729, eq. 5.
    """
    values = clipped_surrogate(tokens, low=low, high=high)  # (B, T)
    return values.where(tokens.advantages >= 0, values.minimum(-tokens.advantages * most))  # (B, T)


def kl_divergence(reference: "Tensor", logp: "Tensor") -> "Tensor":
    """p_ref / p - log(p_ref / p) - 1, (B, T): never negative, 0 where both agree. Source: arXiv:2402.03300, eq. 4.

    Plain, as in the paper; TRL multiplies it by the importance ratio unless told not to.
    """
    gap = reference - logp  # (B, T)
    return gap.exp() - gap - 1  # (B, T)
