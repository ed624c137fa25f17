import numpy as np
import pytest

from assay.core.types import SamplingConfig
from assay.engines.hf.token_sampling import sample_token, sample_tokens

torch = pytest.importorskip("torch")


def _shares(probabilities, chances, **sampler):
    """Tokens drawn at each chance from one distribution."""
    logits = torch.log(torch.tensor([probabilities])).repeat(len(chances), 1)
    return sample_token(logits, SamplingConfig(**sampler), torch.tensor(chances)).tolist()


def test_chance_picks_the_token_whose_share_covers_it():
    assert _shares([0.5, 0.25, 0.25], [0.0, 0.49, 0.51, 0.74, 0.76, 0.999]) == [0, 0, 1, 1, 2, 2]


def test_greedy_takes_the_most_probable_whatever_the_chance():
    assert _shares([0.2, 0.5, 0.3], [0.0, 0.99], temperature=0.0) == [1, 1]


def test_top_k_keeps_k_and_their_proportions():
    assert set(_shares([0.1, 0.6, 0.3], np.linspace(0, 0.999, 50).tolist(), top_k=2)) == {1, 2}
    assert _shares([0.1, 0.6, 0.3], [0.65, 0.68], top_k=2) == [1, 2]  # .6 / .9 = .667
    assert _shares([0.1, 0.6, 0.3], [0.999], top_k=1) == [1]


def test_top_p_keeps_the_token_that_crosses_it():
    assert set(_shares([0.1, 0.6, 0.3], np.linspace(0, 0.999, 50).tolist(), top_p=0.7)) == {1, 2}
    assert set(_shares([0.1, 0.6, 0.3], np.linspace(0, 0.999, 50).tolist(), top_p=0.5)) == {1}


def test_temperature_comes_before_top_p():
    assert set(_shares([0.1, 0.6, 0.3], [0.999], top_p=0.95, temperature=0.25)) == {2}  # .934, .058, .0007: two suffice
    assert set(_shares([0.1, 0.6, 0.3], [0.999], top_p=0.95)) == {0}


def test_a_flat_distribution_is_sorted_whole():
    flat = [1 / 4096] * 4096
    drawn = _shares(flat, np.linspace(0, 0.999, 64).tolist(), top_p=0.9)
    assert len(set(drawn)) == 64


def test_a_token_without_share_is_never_drawn():
    assert _shares([0.5, 0.5, 0.0], [1 - 1e-16]) == [1]


def test_drawn_shares_are_those_of_the_distribution():
    drawn = _shares([0.7, 0.2, 0.1], np.random.default_rng(0).random(4000).tolist())
    assert np.bincount(drawn, minlength=3) / 4000 == pytest.approx([0.7, 0.2, 0.1], abs=0.03)


def test_rows_of_several_samplers_are_drawn_as_each_alone():
    logits, chance = (
        torch.randn(5, 12, generator=torch.Generator().manual_seed(0)),
        torch.tensor([0.1, 0.9, 0.5, 0.3, 0.7]),
    )
    samplers = [SamplingConfig(), SamplingConfig(temperature=0.0), None, SamplingConfig(top_k=2), SamplingConfig()]
    drawn = sample_tokens(logits, samplers, chance).tolist()
    for row, sampler in enumerate(samplers):
        if sampler:
            assert drawn[row] == int(sample_token(logits[[row]], sampler, chance[[row]])[0])
