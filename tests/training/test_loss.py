import math

import pytest
import torch
from torch import tensor

from assay.training.loss import Tokens, clipped, kl_to


def tokens(ratios: list[list[float]], advantages: list[float]) -> Tokens:
    old = torch.full((len(ratios), len(ratios[0])), -1.0)
    return Tokens(old + tensor(ratios).log(), old, tensor(advantages).unsqueeze(1), torch.ones_like(old), len(ratios), float(old.numel()), 3)


def test_a_good_token_stops_paying_above_the_clip_and_a_bad_one_below() -> None:
    values = clipped(tokens([[1.0, 1.5, 0.5], [1.0, 1.5, 0.5]], [1.0, -1.0]), low=0.2, high=0.3)
    assert values.tolist() == [pytest.approx([-1.0, -1.3, -0.5]), pytest.approx([1.0, 1.5, 0.8])]


def test_kl_is_zero_where_policies_agree_and_positive_elsewhere() -> None:
    assert kl_to(tensor([-1.0]), tensor([-1.0])).item() == 0
    assert kl_to(tensor([-1.0]), tensor([-2.0])).item() == pytest.approx(math.e - 2)
    assert kl_to(tensor([-2.0]), tensor([-1.0])).item() == pytest.approx(1 / math.e)
