"""Supervised fine-tuning on what was shown: guided sequences in a run with a teacher, demonstrations in a pass over them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.training.trainer.loss import Tokens

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Sft:
    """mean over shown tokens of -log p; advantages are not read, so wrong guidance is learnt like right guidance.

    Shown are the guided tokens where some are guided, and all tokens where the batch knows no teacher (a pass over demonstrations).
    Degenerate: a step in which nothing was guided has loss 0 and moves nothing.
    Source: next-token likelihood; as the arm "SFT on the same guided strings" beside ThinkTuning, arXiv:2508.07616.
    """

    def arguments(self) -> dict[str, Any]:
        """TRL's names; its loss is not used."""
        return {"loss_type": "dapo", "scale_rewards": "group"}

    def per_token(self, tokens: Tokens) -> "Tensor":
        """-log p of shown tokens, 0 of others, (B, T)."""
        return -tokens.logp if tokens.guided is None else -tokens.logp * tokens.guided  # (B, T)

    def mean(self, values: "Tensor", tokens: Tokens) -> "Tensor":
        """This micro-batch's share of the mean over the step's shown tokens, ()."""
        shown = tokens.step_tokens if tokens.guided is None else tokens.step_guided
        return (values * tokens.mask).sum() / max(shown, 1.0)  # ()
