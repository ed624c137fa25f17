import math

import pytest
import torch
from torch import tensor

from assay.training.objectives.sft import Sft
from assay.training.trainer.loss import TokenBatch

LOGP = tensor([[0.5, 0.25, 0.1], [0.5, 0.5, 0.5]], dtype=torch.float64).log()
MASK = tensor([[1, 1, 1], [1, 1, 0]])


def loss(guided: torch.Tensor | None, step_guided: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    logp = LOGP.clone().requires_grad_()
    batch = TokenBatch(logp, LOGP, tensor([[1.0], [-1.0]]), MASK, 2, 5.0, 4, guided, step_guided)
    value = Sft().mean(Sft().per_token(batch), batch)
    return value, torch.autograd.grad(value, logp)[0]


def test_all_tokens_of_demonstrations_are_learnt_alike() -> None:
    value, gradient = loss(None)
    assert value.item() == pytest.approx(-(math.log(0.5) + math.log(0.25) + math.log(0.1) + 2 * math.log(0.5)) / 5)
    assert gradient.tolist() == [pytest.approx([-0.2] * 3), pytest.approx([-0.2, -0.2, 0])]


def test_only_guided_tokens_are_learnt_where_a_teacher_helped() -> None:
    value, gradient = loss(tensor([[0, 1, 1], [0, 0, 0]]), 2.0)
    assert value.item() == pytest.approx(-(math.log(0.25) + math.log(0.1)) / 2)
    assert gradient.tolist() == [pytest.approx([0, -0.5, -0.5]), pytest.approx([0, 0, 0])]


def test_a_step_without_guidance_moves_nothing() -> None:
    value, gradient = loss(torch.zeros(2, 3))
    assert value.item() == 0
    assert gradient.abs().max() == 0
