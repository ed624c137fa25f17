import math

import pytest
import torch
from torch import tensor

from assay.core.parts import build_part, list_parts
from assay.training.trainer.loss import TokenBatch, clipped_surrogate, dual_clipped_surrogate, kl_divergence


def tokens(ratios: list[list[float]], advantages: list[float]) -> TokenBatch:
    old = torch.full((len(ratios), len(ratios[0])), -1.0)
    return TokenBatch(
        old + tensor(ratios).log(),
        old,
        tensor(advantages).unsqueeze(1),
        torch.ones_like(old),
        len(ratios),
        float(old.numel()),
        3,
    )


def test_a_good_token_stops_paying_above_the_clip_and_a_bad_one_below() -> None:
    values = clipped_surrogate(tokens([[1.0, 1.5, 0.5], [1.0, 1.5, 0.5]], [1.0, -1.0]), low=0.2, high=0.3)
    assert values.tolist() == [pytest.approx([-1.0, -1.3, -0.5]), pytest.approx([1.0, 1.5, 0.8])]


def test_kl_is_zero_where_policies_agree_and_positive_elsewhere() -> None:
    assert kl_divergence(tensor([-1.0]), tensor([-1.0])).item() == 0
    assert kl_divergence(tensor([-1.0]), tensor([-2.0])).item() == pytest.approx(math.e - 2)
    assert kl_divergence(tensor([-2.0]), tensor([-1.0])).item() == pytest.approx(1 / math.e)


@pytest.mark.parametrize("name", list_parts("objective"))
def test_every_objectives_gradient_is_its_finite_difference_on_two_by_three_tokens(name: str) -> None:
    part = build_part("objective", name)
    old = torch.full((2, 3), 0.5, dtype=torch.float64).log()
    logp = (
        old + tensor([[1.0, 1.1, 0.6], [0.9, 1.5, 1.0]], dtype=torch.float64).log()
    ).requires_grad_()  # none at the edge of a clip
    advantages, mask = tensor([[1.2], [-0.7]], dtype=torch.float64), tensor([[1, 1, 1], [1, 1, 0]])

    def loss(moved: torch.Tensor) -> torch.Tensor:
        batch = TokenBatch(moved, old, advantages, mask, 2, 5.0, 4)
        mean: torch.Tensor = part.mean(part.per_token(batch), batch)
        return mean

    assert torch.autograd.gradcheck(loss, (logp,))


@pytest.mark.parametrize("name", ["grpo", "dapo", "dr_grpo", "aas"])
def test_on_policy_every_policy_gradient_is_reinforce_with_a_baseline(name: str) -> None:
    """The gradient on log p is -A times a weight that is positive and the same for all tokens of a rollout."""
    part = build_part("objective", name)
    logp = torch.full((2, 3), -1.0, dtype=torch.float64).requires_grad_()
    batch = TokenBatch(logp, logp.detach(), tensor([[1.5], [-0.5]], dtype=torch.float64), torch.ones(2, 3), 2, 6.0, 3)
    (gradient,) = torch.autograd.grad(part.mean(part.per_token(batch), batch), logp)
    assert gradient.tolist() == [pytest.approx([-1.5 / 6] * 3), pytest.approx([0.5 / 6] * 3)]


def test_a_bad_token_is_punished_no_further_than_the_dual_clip() -> None:
    values = dual_clipped_surrogate(
        tokens([[9.0, 2.0, 0.5], [9.0, 2.0, 0.5]], [1.0, -1.0]), low=0.2, high=0.3, most=3.0
    )
    assert values.tolist() == [pytest.approx([-1.3, -1.3, -0.5]), pytest.approx([3.0, 2.0, 0.8])]
