"""Supervised fine-tuning: on guided sequences in a run with a teacher, on demonstrations in a pass over them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.training.trainer.loss import TokenBatch

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Sft:
    """mean over the trained tokens of -log p; advantages are not read, so wrong guidance is learnt like right guidance.

    The trained tokens are the guided ones in a run with a teacher, and all tokens without one (a pass over
    demonstrations). Degenerate: a step in which nothing was guided has loss 0 and moves nothing. Source: next-token
    likelihood; as the arm "SFT on the same guided strings" beside ThinkTuning, arXiv:2508.07616.
    """

    def arguments(self) -> dict[str, Any]:
        """Return TRL's arguments; its loss is not used."""
        return {"loss_type": "dapo", "scale_rewards": "group"}

    def per_token(self, tokens: TokenBatch) -> "Tensor":
        """Return -log p of the trained tokens and 0 of others, (B, T)."""
        return -tokens.logp if tokens.guided is None else -tokens.logp * tokens.guided  # (B, T)

    def mean(self, values: "Tensor", tokens: TokenBatch) -> "Tensor":
        """Return this micro-batch's share of the mean over the step's trained tokens, ()."""
        count = tokens.step_tokens if tokens.guided is None else tokens.step_guided
        return (values * tokens.mask).sum() / max(count, 1.0)  # ()
