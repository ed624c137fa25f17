import pytest
import torch
from torch import tensor

from assay.training.objectives.dr_grpo import DrGrpo
from assay.training.trainer.loss import TokenBatch

OLD = torch.full((2, 3), 0.5).log()
TOKENS = TokenBatch(
    (OLD + tensor([[1.0, 1.1, 1.5], [1.0, 0.5, 9.0]]).log()).requires_grad_(),
    OLD,
    tensor([[0.5], [-0.5]]),
    tensor([[1, 1, 1], [1, 1, 0]]),
    step_rows=2,
    step_tokens=5.0,
    limit=4,
)


def test_tokens_are_summed_and_divided_by_rollouts_times_limit() -> None:
    part = DrGrpo()
    assert part.mean(part.per_token(TOKENS), TOKENS).item() == pytest.approx(
        (-0.5 * (1.0 + 1.1 + 1.2) + 0.5 * (1.0 + 0.8)) / 8
    )


def test_a_token_weighs_the_same_in_short_and_long_rollouts() -> None:
    part = DrGrpo()
    (gradient,) = torch.autograd.grad(part.mean(part.per_token(TOKENS), TOKENS), TOKENS.logp)
    assert gradient.tolist() == [pytest.approx([-0.5 / 8, -0.55 / 8, 0]), pytest.approx([0.5 / 8, 0, 0])]


def test_advantages_are_not_divided_by_the_groups_spread() -> None:
    assert DrGrpo().arguments()["scale_rewards"] == "none"
