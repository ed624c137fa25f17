import io

import numpy as np
import pytest

from assay.core.errors import ConfigError
from assay.core.parts import build_part, list_parts, load_part
from assay.core.types import Counts, GroupResult
from assay.curricula.online.quotas import QuotaCurriculum, begin_curriculum, step_quotas
from assay.testing.inputs import MIXED, make_pool

ONLINE = [name for name in list_parts("curriculum") if hasattr(load_part("curriculum", name), "begin")]


def pool_of(part):
    return make_pool((*part.needs, "source"), MIXED)


def train(state, steps, sizes=(3, 5)):
    choices = []
    for step in range(steps):
        ids = state.sample(sizes[step % len(sizes)])
        choices.append(ids)
        state.observe([GroupResult(id_, Counts(int(id_[-1]) % 9, 8 - int(id_[-1]) % 9), 0.5) for id_ in ids])
    return choices


def test_what_a_source_is_owed_is_carried_over_to_the_next_step():
    """A third of steps of four is 4/3: 1, 2, 1 and 1, 2, 1 groups."""
    given, steps = np.zeros(2, dtype=np.int64), []
    for _ in range(6):
        counts = step_quotas(np.array([2.0, 1.0]), given, 4, np.array([9, 9]))
        given += counts
        steps.append(counts.tolist())
    assert steps == [[3, 1], [2, 2], [3, 1]] * 2


@pytest.mark.parametrize("name", ONLINE)
def test_every_online_curriculum_holds_the_quotas_also_after_a_resume(name):
    part = build_part("curriculum", name)
    pool = pool_of(part)
    source = dict(zip(pool.ids, pool.column("source").tolist(), strict=True))
    names = sorted(set(source.values()))[:2]
    shares = {names[0]: 3.0, names[1]: 1.0}
    whole = train(QuotaCurriculum(part, pool, shares, seed=1), 12)
    counts = np.cumsum([[sum(source[id_] == which for id_ in ids) for which in names] for ids in whole], axis=0)
    due = np.cumsum([len(ids) for ids in whole])
    assert (np.abs(counts - due[:, None] * [0.75, 0.25]) < 1).all()
    first, second = (QuotaCurriculum(part, pool, shares, seed=1) for _ in range(2))
    train(first, 6)
    with io.BytesIO() as file:
        np.savez(file, **first.state_dict())
        file.seek(0)
        second.load_state_dict(dict(np.load(file)))
    assert train(second, 6) == whole[6:]


def test_a_state_of_other_quotas_is_refused():
    part = build_part("curriculum", "dynamic")
    names = sorted(set(pool_of(part).column("source").tolist()))
    state = QuotaCurriculum(part, pool_of(part), {names[0]: 1.0, names[1]: 1.0}, seed=1).state_dict()
    with pytest.raises(ConfigError, match="other quotas"):
        QuotaCurriculum(part, pool_of(part), {names[0]: 1.0, names[1]: 2.0}, seed=1).load_state_dict(state)


def test_a_source_without_problems_is_refused_and_no_quotas_change_nothing():
    part = build_part("curriculum", "dynamic")
    with pytest.raises(ConfigError, match="'nowhere'"):
        QuotaCurriculum(part, pool_of(part), {"nowhere": 1.0}, seed=1)
    assert train(begin_curriculum(part, pool_of(part), {}, seed=1), 3) == train(part.begin(pool_of(part), seed=1), 3)
