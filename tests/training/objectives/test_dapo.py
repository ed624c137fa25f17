import pytest
import torch
from torch import tensor

from assay.training.objectives.dapo import Dapo
from assay.training.trainer.loss import TokenBatch

OLD = torch.full((2, 3), 0.5).log()


def tokens(step_tokens: float = 5.0) -> TokenBatch:
    logp = (OLD + tensor([[1.0, 1.25, 1.5], [1.0, 0.5, 9.0]]).log()).requires_grad_()
    return TokenBatch(
        logp,
        OLD,
        tensor([[1.0], [-1.0]]),
        tensor([[1, 1, 1], [1, 1, 0]]),
        step_rows=2,
        step_tokens=step_tokens,
        limit=4,
    )


def test_every_token_of_the_step_weighs_the_same() -> None:
    part, batch = Dapo(), tokens()
    assert part.mean(part.per_token(batch), batch).item() == pytest.approx((-(1.0 + 1.25 + 1.28) + (1.0 + 0.8)) / 5)


def test_good_tokens_may_grow_further_than_bad_ones_shrink() -> None:
    part, batch = Dapo(), tokens()
    (gradient,) = torch.autograd.grad(part.mean(part.per_token(batch), batch), batch.logp)
    assert gradient.tolist() == [
        pytest.approx([-1 / 5, -1.25 / 5, 0]),
        pytest.approx([1 / 5, 0, 0]),
    ]  # 1.25 < 1.28 still learns


def test_a_micro_batch_is_a_summand_of_its_step() -> None:
    part, batch = Dapo(), tokens(step_tokens=10.0)
    half = part.mean(part.per_token(batch), batch).item()
    whole = tokens()
    assert 2 * half == pytest.approx(part.mean(part.per_token(whole), whole).item())


def test_a_step_without_tokens_is_zero() -> None:
    part, batch = Dapo(), tokens(step_tokens=0.0)
    empty = TokenBatch(batch.logp, batch.old_logp, batch.advantages, torch.zeros(2, 3), 2, 0.0, 4)
    assert part.mean(part.per_token(empty), empty).item() == 0
