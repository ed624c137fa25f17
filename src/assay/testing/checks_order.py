"""The contract of curricula, offline and adaptive."""

import hashlib
import io
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from assay.core.errors import ConfigError
from assay.core.ports import AdaptiveCurriculum, Arranger, OnlineCurriculum
from assay.core.types import Counts, GroupResult, Pool
from assay.testing.inputs import MIXED, POOLS, make_pool
from assay.testing.rules import no_global_randomness, require, require_error

STEPS, GROUPS = 12, 3


def check_curriculum(part: Arranger | AdaptiveCurriculum, *, epochs: int | None = 1) -> None:
    """Check a curriculum; an adaptive one is also sampled, given results, saved and loaded.

    Args:
        part: the curriculum.
        epochs: how often its order meets each problem; None where that differs by problem.

    Raises:
        AssertionError: the first rule that it breaks.
    """
    require(isinstance(part, Arranger), "a curriculum has needs and arrange")
    with no_global_randomness():
        for correct in POOLS.values():
            pool = make_pool(part.needs, correct)
            if epochs is not None:
                _check_epochs(part, pool, epochs)
            if isinstance(part, AdaptiveCurriculum):
                _check_resuming(part, pool)
        pool = make_pool(part.needs, MIXED)
        require(_arrange(part, pool) == _arrange(part, pool), "equal pools and seeds give equal curricula")
        if pool.cluster is not None:
            renamed = replace(pool, cluster=np.array([40, 7, 99, -3])[pool.cluster])
            require(_arrange(part, renamed) == _arrange(part, pool), "a cluster's number is a name")
        _check_missing_numbers(part, pool)
        if isinstance(part, AdaptiveCurriculum):
            _check_unsolved(part, pool)


def _arrange(part: Any, pool: Pool) -> Any:
    return part.arrange(pool, np.random.default_rng(3))


def _check_epochs(part: Any, pool: Pool, epochs: int) -> None:
    order = _arrange(part, pool).order
    require(Counter(order) == dict.fromkeys(pool.ids, epochs), f"each problem is met {epochs} times")
    epoch_ids = [set(order[n * len(pool) : (n + 1) * len(pool)]) for n in range(epochs)]
    require(all(ids == set(pool.ids) for ids in epoch_ids), "every problem is met once before any is met again")


def _check_missing_numbers(part: Any, pool: Pool) -> None:
    for key, values in pool.columns.items():
        if values.dtype.kind == "f":
            broken = values.copy()
            broken[3] = np.nan
            bad = replace(pool, columns={**pool.columns, key: broken})
            require_error(ValueError, "'p0003'", partial(_arrange, part, bad), f"NaN in {key!r} is refused")


def _train(curriculum: OnlineCurriculum, steps: int) -> list[tuple[str, ...]]:
    """Return the choices of some steps, whose results follow from the problems' ids alone."""
    choices = []
    for _ in range(steps):
        ids = curriculum.sample(GROUPS)
        choices.append(ids)
        right = [hashlib.sha256(id_.encode()).digest()[0] % 9 for id_ in ids]
        pairs = zip(ids, right, strict=True)
        curriculum.observe([GroupResult(id_, Counts(k, 8 - k), 2 * (k / 8 * (1 - k / 8)) ** 0.5) for id_, k in pairs])
    return choices


def _check_resuming(part: AdaptiveCurriculum, pool: Pool) -> None:
    whole = _train(part.begin(pool, seed=4), STEPS)
    require(whole == _train(part.begin(pool, seed=4), STEPS), "equal seeds and results give equal choices")
    require({id_ for step in whole for id_ in step} <= set(pool.ids), "only problems of the pool are sampled")
    for n_steps in (1, 5, 11):
        first, second = part.begin(pool, seed=4), part.begin(pool, seed=4)
        _train(first, n_steps)
        with io.BytesIO() as file:
            np.savez(file, **first.state_dict())  # type: ignore[arg-type]  # its stub takes one array more by name
            file.seek(0)
            second.load_state_dict(dict(np.load(file)))
        require(
            _train(second, STEPS - n_steps) == whole[n_steps:], f"a state saved after step {n_steps} continues exactly"
        )


def _check_unsolved(part: AdaptiveCurriculum, pool: Pool) -> None:
    state = part.begin(pool, seed=0).state_dict()
    rule = "a state of another seed is refused"
    require_error(ConfigError, "another seed", lambda: part.begin(pool, seed=1).load_state_dict(state), rule)
    curriculum = part.begin(pool, seed=0)
    for _ in range(40):
        ids = curriculum.sample(2)
        require(len(ids) == 2, "a curriculum goes on sampling when nothing is ever solved")
        curriculum.observe([GroupResult(id_, Counts(wrong=8)) for id_ in ids])
        weights = curriculum.weights(ids)
        require(((weights >= 0) & (weights <= 1)).all(), "loss weights lie in [0, 1]")
