import pytest

from assay.core.rewards import RewardTerms


def test_the_default_is_the_verifiers_reward_and_enters_no_key():
    assert (RewardTerms().total(0.4, {}), RewardTerms().key, RewardTerms().extra) == (0.4, [], ())
    assert RewardTerms(format=0.5).key == [("format", 0.5)]


def test_the_total_is_the_weighted_sum():
    terms = RewardTerms(correctness=2.0, format=0.5, length=0.25)
    assert terms.total(0.5, {"format": 1.0, "length": -1.0}) == pytest.approx(1.25)
    assert terms.bounds((0.0, 1.0)) == (-0.25, 2.5)
    assert RewardTerms(correctness=-1.0).bounds((0.0, 1.0)) == (-1.0, 0.0)


def test_a_terms_version_follows_its_own_settings_alone():
    plain, other = RewardTerms(), RewardTerms(format_pattern="x")
    assert plain.version("format", 8) != other.version("format", 8)
    assert plain.version("length", 8) == other.version("length", 8) != plain.version("length", 16)
