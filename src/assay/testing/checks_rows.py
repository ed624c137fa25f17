"""The contracts of filters, scorers and selectors: what reads rows and decides about each."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from assay.core.ports import Filter, FilterContext, Scorer, Selector
from assay.core.types import Drop, Label, Pool, Problem, Selection
from assay.testing.inputs import MIXED, POOLS, RecordedEvidence, filter_context, make_pool, scripted_problems
from assay.testing.rules import no_global_randomness, require, require_error

IDS = tuple(f"q{number}" for number in range(60))
BUDGETS = (0, 1, 7, 10_000)


def check_filter(part: Filter, context: FilterContext | None = None) -> None:
    """Check a filter: it accounts for each problem once, and neither order nor other problems change what it decides.

    Args:
        part: the filter.
        context: what it may borrow; scripted where None.

    Raises:
        AssertionError: the first rule that it breaks.
    """
    require(isinstance(part, Filter), "a filter has joint, needs and sift")
    scripted = context or filter_context()
    problems, labels = scripted_problems()
    shuffled = [problems[row] for row in np.random.default_rng(1).permutation(len(problems))]
    with no_global_randomness():
        drops, fresh = _sift(part, problems, labels, scripted)
        again = _sift(part, problems, labels, scripted)
        mixed = _sift(part, shuffled, dict(reversed(labels.items())), scripted)
        require((drops, fresh) == again == mixed, "a filter says the same twice and of shuffled problems")
        _check_drops(drops, problems)
        _check_labels(fresh, drops, labels)
        require(list(part.sift([], {}, scripted)) == [], "a filter of nothing says nothing")
        dropped_ids = {drop.problem_id for drop in drops}
        require(
            not _sift(part, [row for row in problems if row.id not in dropped_ids], labels, scripted)[0],
            "what a filter kept, it keeps",
        )
        if not part.joint:
            single = [drop for row in problems for drop in _sift(part, [row], {row.id: labels[row.id]}, scripted)[0]]
            require(
                sorted(single, key=_problem_id) == drops,
                "a filter that is not joint judges a problem alone as in company",
            )


def _sift(
    part: Filter, problems: Sequence[Problem], labels: Mapping[str, Sequence[Label]], context: FilterContext
) -> tuple[list[Drop], list[Label]]:
    results = list(part.sift(problems, labels, context))
    drops = [row for row in results if isinstance(row, Drop)]
    return sorted(drops, key=_problem_id), sorted(
        (row for row in results if isinstance(row, Label)), key=lambda label: label.id
    )


def _problem_id(drop: Drop) -> str:
    return drop.problem_id


def _check_drops(drops: Sequence[Drop], problems: Sequence[Problem]) -> None:
    require(set(Counter(map(_problem_id, drops)).values()) <= {1}, "a filter drops a problem once")
    require(
        {drop.problem_id for drop in drops} <= {row.id for row in problems}, "a filter drops only what it was given"
    )
    for drop in drops:
        require(drop.stage == "clean", f"a filter's drops are of the stage clean, not {drop.stage!r}")
        require(drop.reason.isidentifier(), f"a drop's reason is one word, not {drop.reason!r}")
        require(drop.source == "scripted", "a drop keeps the source of its problem")


def _check_labels(fresh: Sequence[Label], drops: Sequence[Drop], labels: Mapping[str, Sequence[Label]]) -> None:
    require(
        not {label.problem_id for label in fresh} & set(map(_problem_id, drops)), "a filter corrects only what it keeps"
    )
    for label in fresh:
        require(
            label.origin != "gold", "a corrected label says that it is none of the source's: its origin is not gold"
        )
        old_answers = {old.answer for old in labels[label.problem_id]}
        require(label.answer not in old_answers, "a corrected label holds a new answer")


def check_scorer(part: Scorer, name: str) -> None:
    """Check a scorer: every attempted problem has one score inside its interval, whatever the order.

    Args:
        part: the scorer.
        name: its name in the config, which its scores carry.

    Raises:
        AssertionError: the first rule that it breaks.
    """
    require(isinstance(part, Scorer), "a scorer has joint and score")
    evidence, shuffled = RecordedEvidence(), [IDS[row] for row in np.random.default_rng(1).permutation(len(IDS))]
    with no_global_randomness():
        scores = part.score(IDS, evidence)
        require(
            scores == part.score(IDS, evidence) == part.score(shuffled, evidence),
            "a scorer says the same twice and shuffled",
        )
        attempted = sorted(id_ for id_, counts in evidence.draw(dict.fromkeys(IDS, 8)).items() if counts.total)
        require(
            [score.problem_id for score in scores] == attempted,
            "each attempted problem is scored once, by id, and no other",
        )
        for score in scores:
            require(score.scorer == name, f"a score carries its scorer's name {name!r}, not {score.scorer!r}")
            require(
                score.low <= score.value <= score.high, f"{score.value} lies outside of [{score.low}, {score.high}]"
            )
            require(score.counts.total > 0, "a score has the counts that it rests on")
            require((score.post_a is None) == (score.post_b is None), "a posterior has both of its numbers or none")
        require(part.score([], evidence) == [], "a scorer of nothing says nothing")
        if not part.joint:
            alone = [score for id_ in sorted(IDS) for score in part.score([id_], evidence)]
            require(alone == scores, "a scorer that is not joint scores a problem alone as in company")


def check_selector(part: Selector) -> None:
    """Check a selector on six scripted pools that hold exactly the columns in its `needs`.

    Rules: each problem is kept or dropped once, the budget is spent exactly, equal seeds give equal selections, a
    cluster's number is only a name, the pool is left as it was, and bad input is refused with the problem's id.

    Args:
        part: the selector.

    Raises:
        AssertionError: the first rule that it breaks.
        KeyError: it needs a column that the scripted pools do not have (`testing.inputs.make_column`).
    """
    require(isinstance(part, Selector), "a selector has needs and select")
    with no_global_randomness():
        for correct in POOLS.values():
            for budget in BUDGETS:
                _check_accounts(part, make_pool(part.needs, correct), budget)
        pool, same = (make_pool(part.needs, MIXED) for _ in range(2))
        require(
            _select(part, pool, 11, 3) == _select(part, same, 11, 3),
            "equal pools, budgets and seeds give equal selections",
        )
        unchanged = all(np.array_equal(values, same.columns[key]) for key, values in pool.columns.items())
        require(
            unchanged and (pool.vectors is None or np.array_equal(np.asarray(pool.vectors), np.asarray(same.vectors))),
            "a selector leaves its pool as it was",
        )
        require(
            "not_chosen" not in _select(part, pool, len(pool)).dropped,
            "nothing is not_chosen where the budget is the pool",
        )
        if pool.cluster is not None:
            renamed = replace(pool, cluster=np.array([40, 7, 99, -3])[pool.cluster])
            require(_select(part, renamed, 11) == _select(part, pool, 11), "a cluster's number is a name")
        _check_refusals(part, pool)


def _select(part: Selector, pool: Pool, budget: int, seed: int = 0) -> Selection:
    return part.select(pool, budget, np.random.default_rng(seed))


def _check_accounts(part: Selector, pool: Pool, budget: int) -> None:
    selection, largest = _select(part, pool, budget), _select(part, pool, len(pool))
    accounted = [*selection.ids, *(id_ for ids in selection.dropped.values() for id_ in ids)]
    require(sorted(accounted) == list(pool.ids), "each problem is kept, or dropped under one reason")
    require(
        len(selection.ids) == min(budget, len(largest.ids)),
        f"a budget of {budget} is spent exactly, found {len(selection.ids)}",
    )
    require(list(selection.ids) == sorted(selection.ids), "kept ids are ascending")
    weights = selection.weights
    require(
        len(weights) == len(selection.ids) and all(weight > 0 for weight in weights),
        "each kept problem has a weight above 0",
    )
    reasons_named = all(reason.isidentifier() and ids for reason, ids in selection.dropped.items())
    require(reasons_named, "a reason is one word and has problems")


def _check_refusals(part: Selector, pool: Pool) -> None:
    for key, values in pool.columns.items():
        if values.dtype.kind in "fi":
            broken = values.astype(np.float64)
            broken[3] = np.nan
            bad = replace(pool, columns={**pool.columns, key: broken})
            require_error(ValueError, "'p0003'", partial(_select, part, bad, 5), f"NaN in {key!r} is refused")
    for value in (np.nan, 0.0) if pool.vectors is not None else ():
        vectors = np.array(pool.vectors)
        vectors[3] = value
        bad = replace(pool, vectors=vectors)
        require_error(ValueError, "'p0003'", partial(_select, part, bad, 5), f"a vector of {value} is refused")
    for missing in part.needs:
        bad = make_pool([name for name in part.needs if name != missing], MIXED)
        require_error(
            LookupError,
            missing.rstrip("s"),
            partial(_select, part, bad, 5),
            f"a pool without {missing!r} is refused",
        )
    require_error(ValueError, "-1", lambda: _select(part, pool, -1), "a negative budget is refused")
