import pytest
import torch
from torch import tensor

from assay.training.objectives.grpo import Grpo
from assay.training.trainer.loss import Objective, TokenBatch


def two_by_three(ratios: list[list[float]]) -> TokenBatch:
    """A = 1 for a rollout of 3 tokens, A = -1 for one of 2; p_old = 1/2 everywhere."""
    old = torch.full((2, 3), 0.5).log()
    logp = (old + tensor(ratios).log()).requires_grad_()
    return TokenBatch(
        logp, old, tensor([[1.0], [-1.0]]), tensor([[1, 1, 1], [1, 1, 0]]), step_rows=2, step_tokens=5.0, limit=4
    )


def loss(tokens: TokenBatch, objective: Objective) -> torch.Tensor:
    return objective.mean(objective.per_token(tokens), tokens)


def test_a_rollout_counts_the_mean_of_its_tokens() -> None:
    value = loss(two_by_three([[1.0, 1.1, 1.5], [1.0, 0.5, 9.0]]), Grpo())
    assert value.item() == pytest.approx(
        (-(1.0 + 1.1 + 1.2) / 3 + (1.0 + 0.8) / 2) / 2
    )  # 1.5 and 0.5 are clipped, 9 is padding


def test_on_policy_it_is_reinforce_with_a_baseline() -> None:
    tokens = two_by_three([[1.0] * 3] * 2)
    (gradient,) = torch.autograd.grad(loss(tokens, Grpo()), tokens.logp)
    assert gradient.tolist() == [
        pytest.approx([-1 / 6] * 3),
        pytest.approx([1 / 4, 1 / 4, 0]),
    ]  # -A / (2 rollouts x their tokens)


def test_a_clipped_token_has_no_gradient() -> None:
    tokens = two_by_three([[1.0, 1.1, 1.5], [1.0, 0.5, 9.0]])
    (gradient,) = torch.autograd.grad(loss(tokens, Grpo()), tokens.logp)
    assert gradient.tolist() == [pytest.approx([-1 / 6, -1.1 / 6, 0]), pytest.approx([1 / 4, 0, 0])]


def test_the_gradient_is_the_losss_finite_difference() -> None:
    base = two_by_three([[1.0, 1.1, 1.15], [0.9, 0.95, 1.0]])
    wide = TokenBatch(
        base.logp.double().detach().requires_grad_(),
        base.old_logp.double(),
        base.advantages.double(),
        base.mask,
        2,
        5.0,
        4,
    )
    assert torch.autograd.gradcheck(
        lambda logp: loss(TokenBatch(logp, wide.old_logp, wide.advantages, wide.mask, 2, 5.0, 4), Grpo()), (wide.logp,)
    )


def test_a_group_without_spread_moves_nothing() -> None:
    tokens = two_by_three([[1.1] * 3] * 2)
    flat = TokenBatch(tokens.logp, tokens.old_logp, torch.zeros(2, 1), tokens.mask, 2, 5.0, 4)
    (gradient,) = torch.autograd.grad(loss(flat, Grpo()), flat.logp)
    assert gradient.abs().max() == 0


def test_a_rollout_left_out_adds_nothing() -> None:
    tokens = two_by_three([[1.0] * 3] * 2)
    masked = TokenBatch(tokens.logp, tokens.old_logp, tokens.advantages, tensor([[1, 1, 1], [0, 0, 0]]), 2, 3.0, 4)
    assert loss(masked, Grpo()).item() == pytest.approx(-1 / 2)


def test_the_clip_opens_with_epsilon() -> None:
    tokens = two_by_three([[1.5] * 3, [1.0, 1.0, 1.0]])
    assert loss(tokens, Grpo(epsilon=0.0)).item() == pytest.approx(0.0, abs=1e-7)
    assert loss(tokens, Grpo(epsilon=0.9)).item() == pytest.approx((-1.5 + 1.0) / 2)
