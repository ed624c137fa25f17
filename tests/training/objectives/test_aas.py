"""The weight table is ThinkTuning's intended law; loss and gradient are checked by hand and by finite differences."""

import math

import pytest
import torch
from torch import Tensor, tensor

from assay.training.objectives.aas import Aas
from assay.training.objectives.dapo import Dapo
from assay.training.trainer.loss import TokenBatch

GOOD, BAD = 1.7889, -0.4472  # one right of five


def tokens(
    p: list[list[float]], advantages: list[float], guided: list[list[int]] | None, mask: list[list[int]] | None = None
) -> TokenBatch:
    logp = tensor(p, dtype=torch.float64).log().requires_grad_()
    shown = torch.ones_like(logp) if mask is None else tensor(mask)
    foreign = None if guided is None else tensor(guided)
    return TokenBatch(
        logp,
        logp.detach(),
        tensor(advantages, dtype=torch.float64).unsqueeze(1),
        shown,
        len(p),
        float(shown.sum()),
        4,
        foreign,
    )


def loss(batch: TokenBatch, part: Aas) -> Tensor:
    return part.mean(part.per_token(batch), batch)


def weight(p: float, advantage: float, part: Aas) -> float:
    """On grad log p, in units of -A, of one guided token."""
    batch = tokens([[p]], [advantage], [[1]])
    (gradient,) = torch.autograd.grad(loss(batch, part), batch.logp)
    return gradient.item() / -advantage


@pytest.mark.parametrize(
    ("p", "w"),
    [
        (1e-5, 0.0219),
        (1e-4, 0.1827),
        (5e-4, 0.5279),
        (1.1e-3, 0.7110),
        (2e-3, 0.8173),
        (1e-2, 0.9572),
        (0.1, 0.9955),
        (0.9, 0.9995),
    ],
)
def test_the_intended_weights_are_reproduced(p: float, w: float) -> None:
    assert weight(p, GOOD, Aas()) == pytest.approx(w, abs=6e-5)


@pytest.mark.parametrize(("p", "w"), [(1e-5, 1.0001), (1.1e-3, 11.0), (2e-3, 2.0), (1e-2, 1.111), (0.1, 1.0101)])
def test_one_gamma_for_all_advantages_is_the_law_as_it_was_released(p: float, w: float) -> None:
    released = Aas(gamma_low=-0.001, gamma_high=-0.001)
    assert weight(p, GOOD, released) == pytest.approx(w, rel=1e-6 if p < 1e-3 else 1e-3)


def test_gamma_varies_with_the_advantage_and_stays_within_its_bounds_in_either_order() -> None:
    advantages = tensor([-8.0, -4.0, BAD, 0.0, GOOD, 4.0, 8.0])
    assert Aas().gamma(advantages).tolist() == pytest.approx(
        [-1e-3, -1e-3, 0.00025 * BAD, 0, 0.00025 * GOOD, 1e-3, 1e-3], abs=1e-9
    )
    turned = Aas(gamma_low=0.001, gamma_high=-0.001).gamma(advantages)
    assert turned.tolist() == pytest.approx([-value for value in Aas().gamma(advantages).tolist()], abs=1e-9)


def test_a_rare_token_of_a_bad_rollout_takes_the_ordinary_branch() -> None:
    gamma = 0.00025 * BAD
    assert weight(0.009, BAD, Aas()) == pytest.approx(1.0)  # on policy the ordinary weight
    assert weight(0.011, BAD, Aas()) == pytest.approx(0.011 / (0.011 + gamma))
    assert weight(0.009, BAD, Aas(rare=0)) == pytest.approx(0.009 / (0.009 + gamma))


def test_two_by_three_tokens_by_hand() -> None:
    batch = tokens([[0.5, 0.002, 0.1], [0.5, 0.2, 0.9]], [2.0, -1.0], [[1, 1, 1], [0, 0, 0]], [[1, 1, 1], [1, 1, 0]])
    value = loss(batch, Aas())
    assert value.item() == pytest.approx((-2 * (0.5 / 0.5005 + 0.002 / 0.0025 + 0.1 / 0.1005) + 2) / 5)
    (gradient,) = torch.autograd.grad(value, batch.logp)
    assert gradient[0].tolist() == pytest.approx([-2 / 5 * 0.5 / 0.5005, -2 / 5 * 0.8, -2 / 5 * 0.1 / 0.1005])
    assert gradient[1].tolist() == pytest.approx([1 / 5, 1 / 5, 0])


def test_the_gradient_is_the_finite_difference_with_the_denominator_held_still() -> None:
    part, p, step = Aas(), [[0.3, 0.002, 0.1], [0.05, 0.2, 0.9]], 1e-6
    batch = tokens(p, [1.2, -0.6], [[1, 1, 0], [1, 1, 1]])
    (gradient,) = torch.autograd.grad(loss(batch, part), batch.logp)
    for row in range(2):
        for place in range(3):
            if not (row == 0 and place == 2):
                below = p[row][place] + 0.00025 * (1.2, -0.6)[row]
                advantage = (1.2, -0.6)[row]
                moved = [-advantage * math.exp(math.log(p[row][place]) + way * step) / below / 6 for way in (1, -1)]
                assert gradient[row, place].item() == pytest.approx((moved[0] - moved[1]) / (2 * step), rel=1e-6)


def test_without_guidance_it_is_dapo_with_a_dual_clip() -> None:
    old = torch.full((2, 3), 0.5).log()
    logp = (old + tensor([[1.0, 1.5, 0.5], [1.0, 9.0, 0.5]]).log()).requires_grad_()
    batch = TokenBatch(logp, old, tensor([[1.0], [-1.0]]), torch.ones(2, 3), 2, 6.0, 4)
    ours, plain = Aas().per_token(batch), Dapo(epsilon_low=0.2, epsilon_high=0.2).per_token(batch)
    assert ours[0].tolist() == plain[0].tolist()
    assert ours[1].tolist() == pytest.approx([1.0, 3.0, 0.8])  # 9 is cut to the dual clip
    assert plain[1].tolist() == pytest.approx([1.0, 9.0, 0.8])


def test_a_denominator_outside_its_range_is_nudged() -> None:
    assert weight(5e-4, GOOD, Aas(gamma_low=-0.001, gamma_high=-0.001)) == pytest.approx(1.0001, rel=1e-6)
    assert weight(0.9999, 4.0, Aas()) == pytest.approx(0.9999, rel=1e-6)
