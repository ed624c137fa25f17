"""Advantage-aware shaping: learn what a teacher wrote with a ratio that stays bounded and needs no p_old."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.training.trainer.loss import TokenBatch, dual_clipped_surrogate

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Aas:
    """-A p / (sg[p] + gamma(A)) on guided tokens, PPO's dual-clipped surrogate on all others, averaged over tokens.

    gamma runs linearly from `gamma_low` at A = -limit to `gamma_high` at A = +limit, so the weight on grad log p is p /
    (p + gamma): with A > 0 tokens far below gamma are damped, with A < 0 they weigh slightly more, and those rarer than
    `rare` take the ordinary branch. Where sg[p] + gamma leaves [0, 1], it is p / 1.0001 or p / 0.9999 as in the
    authors' code. Degenerate: without guided tokens it is `dapo` with a dual clip; gamma_low = gamma_high is constant
    shaping (LUFFY, arXiv:2504.14945).

    Source: ThinkTuning, arXiv:2508.07616. Differs: the released call passes the bounds of a clamp in the wrong order,
    which makes gamma = -0.001 for every advantage; here they are sorted.
    """

    epsilon: float = 0.2  # clip of unguided tokens
    dual_clip: float = 3.0  # most by which an unguided bad token is punished, in units of |A|
    gamma_low: float = -0.001  # at A = -advantage_limit; below 0 = rare bad tokens weigh more
    gamma_high: float = 0.001  # at A = +advantage_limit; larger = rare good tokens weigh less
    advantage_limit: float = 4.0
    rare: float = 0.01  # guided tokens with A < 0 below this probability are treated as unguided; 0 = none

    def arguments(self) -> dict[str, Any]:
        """Return TRL's arguments; its loss is not used."""
        return {"loss_type": "dapo", "scale_rewards": "group", "epsilon": self.epsilon, "epsilon_high": self.epsilon}

    def gamma(self, advantages: "Tensor") -> "Tensor":
        """Return gamma(A), the shape of A, between its two bounds whatever their order."""
        along = (advantages + self.advantage_limit) / (2 * self.advantage_limit)  # 0 at -limit, 1 at +limit
        low, high = sorted((self.gamma_low, self.gamma_high))
        return (self.gamma_low + (self.gamma_high - self.gamma_low) * along).clamp(low, high)

    def per_token(self, tokens: TokenBatch) -> "Tensor":
        """Return the shaped loss where guided and PPO's elsewhere, (B, T)."""
        ordinary = dual_clipped_surrogate(tokens, low=self.epsilon, high=self.epsilon, most=self.dual_clip)  # (B, T)
        if tokens.guided is None:
            return ordinary
        p = tokens.logp.exp()  # (B, T)
        still = p.detach()  # (B, T)
        below = still + self.gamma(tokens.advantages)  # (B, T)
        below = below.where(below >= 0, still / 1.0001).where(below <= 1, still / 0.9999)
        shaped = -tokens.advantages * p / below.clamp(min=1e-30)  # (B, T)
        foreign = tokens.guided.bool() & ~((tokens.advantages < 0) & (still < self.rare))  # (B, T)
        return shaped.where(foreign, ordinary)

    def mean(self, values: "Tensor", tokens: TokenBatch) -> "Tensor":
        """Return this micro-batch's share of the mean over the step's tokens, ()."""
        return (values * tokens.mask).sum() / max(tokens.step_tokens, 1.0)  # ()
