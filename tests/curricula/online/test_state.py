import pytest

from assay.core.errors import ConfigError
from assay.core.types import GroupResult, Pool
from assay.curricula.bandit import Bandit
from assay.curricula.dynamic import Dynamic


def test_the_state_of_another_pool_or_setting_or_seed_is_refused():
    pool, other = Pool(("a", "b")), Pool(("a", "c"))
    state = Dynamic().begin(pool, seed=0).state_dict()
    for online in (
        Dynamic().begin(other, seed=0),
        Dynamic(refills=1).begin(pool, seed=0),
        Dynamic().begin(pool, seed=1),
    ):
        with pytest.raises(ConfigError, match="another pool"):
            online.load_state_dict(state)


def test_the_state_of_another_models_scores_is_refused(pool_of):
    state = Bandit(bins=2).begin(pool_of([0.9, 0.1]), seed=0).state_dict()
    Bandit(bins=2).begin(pool_of([0.9, 0.1]), seed=0).load_state_dict(state)
    with pytest.raises(ConfigError, match="another model's scores"):
        Bandit(bins=2).begin(pool_of([0.8, 0.1]), seed=0).load_state_dict(state)
    by_name = Bandit(by="source", bins=0).begin(pool_of([0.5] * 2, source=["a", "b"]), seed=0).state_dict()
    with pytest.raises(ConfigError, match="another model's scores"):
        Bandit(by="source", bins=0).begin(pool_of([0.5] * 2, source=["b", "a"]), seed=0).load_state_dict(by_name)


def test_a_checkpoint_without_curriculum_state_says_what_is_missing():
    with pytest.raises(ConfigError, match=r"has no key, calls.*nothing"):
        Dynamic().begin(Pool(("a",)), seed=0).load_state_dict({})


def test_a_problem_of_no_pool_is_an_error_and_an_empty_pool_has_no_next():
    with pytest.raises(LookupError, match="'z'"):
        Dynamic().begin(Pool(("a",)), seed=0).observe([GroupResult("z", None)])
    assert Dynamic().begin(Pool(()), seed=0).sample(4) == ()
