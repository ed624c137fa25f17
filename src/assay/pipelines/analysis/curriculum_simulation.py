"""What training would meet under each curriculum: the share of groups that carry signal, and what a step costs. Nothing is written.

The policy stands still here: rates are drawn from the lake's posteriors, once a repeat, and every group's counts from these rates. An online
curriculum is told the counts as training would tell it. What the policy learns on the way is not foreseen.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.config import OrderConfig
from assay.core.errors import ConfigError
from assay.core.identity import derive_seed
from assay.core.parts import build_part
from assay.core.ports import AdaptiveCurriculum, OnlineCurriculum
from assay.core.types import Counts, GroupResult, Pool
from assay.curricula.online.state import FixedOrder
from assay.pipelines.analysis.compare_selectors import TOKENS, worded
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.pool import queries_of, scored_pool
from assay.pipelines.runner.stages import done_stages
from assay.pipelines.stages.order import selected

ALWAYS = ("shuffled",)  # the baseline
RATES = ("beta_a", "beta_b")


def forecast(context: RunContext, asked: Sequence[str] = (), *, repeats: int = 16) -> dict[str, Any]:
    """{problems, steps, groups, group_size, curricula: one row each}, the plan's own first, `shuffled` last; standard deviations are over repeats.

    A row: signal, the share of groups paid for that are mixed; trained, groups a step that training learns from; paid, groups a step whose
    rollouts are made (more where a step is refilled); tokens of these a step; first and last, the signal of the first and the last quarter.

    Raises:
        ConfigError: a stage before arrange is not done, or a name or setting is wrong.
    """
    inputs = done_stages(context, "select", "a forecast")
    plans = _plans(context.config.arrange, asked)
    parts = {name: build_part("curriculum", config.curriculum, config.settings) for name, config in plans.items()}
    needs = tuple(dict.fromkeys([*RATES, *(need for part in parts.values() for need in part.needs)]))
    pool, unscored = scored_pool(
        context, inputs, needs, selected(context, inputs.rows_of("select")), queries_of(*parts.values())
    )
    if not len(pool):
        raise ConfigError(
            f"none of the {len(unscored)} selected problems has what {', '.join(plans)} need; nothing can be foreseen"
        )
    cost = _cost(context, pool)
    rows = [
        {"curriculum": name, **_foreseen(context, part, pool, cost, plans[name].seed, repeats)}
        for name, part in parts.items()
    ]
    train = context.config.train
    return {
        "problems": len(pool),
        "unscored": len(unscored),
        "steps": train.steps,
        "groups": train.groups,
        "group_size": train.group_size,
        "curricula": rows,
    }


def _plans(own: OrderConfig, asked: Sequence[str]) -> dict[str, OrderConfig]:
    given = {"seed": own.seed}
    plans = {"plan": own, **{text: worded(text, OrderConfig, "curriculum", given) for text in asked if text != "plan"}}
    for name in ALWAYS:
        plans.setdefault(name, worded(name, OrderConfig, "curriculum", given))
    return plans


def _cost(context: RunContext, pool: Pool) -> NDArray[np.float64]:
    """Mean generated tokens of an attempt, (n,)."""
    rows = context.lake.rows(TOKENS, [context.engine.policy.revision, context.config.policy.sampler.id])
    tokens: Mapping[str, float] = {row["problem_id"]: row["tokens"] for row in rows}
    mean = sum(tokens.values()) / max(1, len(tokens))
    return np.array([tokens.get(id_, mean) for id_ in pool.ids])


def _foreseen(
    context: RunContext, part: Any, pool: Pool, cost: NDArray[np.float64], seed: int, repeats: int
) -> dict[str, Any]:
    """Means over the repeats, and the standard deviation of the signal."""
    seen = Pool(
        pool.ids,
        pool.columns,
        pool.vectors if "vectors" in part.needs else None,
        pool.cluster if "cluster" in part.needs else None,
    )
    told = np.array([_run(context, part, seen, pool, cost, seed, repeat) for repeat in range(repeats)])
    mean = dict(zip(("signal", "first", "last", "trained", "paid", "tokens"), told.mean(axis=0).tolist(), strict=True))
    return {**mean, "deviation": float(told[:, 0].std(ddof=1)) if repeats > 1 else 0.0}


def _run(
    context: RunContext, part: Any, seen: Pool, pool: Pool, cost: NDArray[np.float64], seed: int, repeat: int
) -> tuple[float, ...]:
    config, rng = context.config.train, np.random.default_rng(derive_seed("forecast", seed, repeat))
    rate = rng.beta(pool.column("beta_a"), pool.column("beta_b"))  # (n,)
    rows = {id_: row for row, id_ in enumerate(pool.ids)}
    course = course_of(part, seen, seed if repeat == 0 else derive_seed("course", seed, repeat))

    def attempt(ids: Sequence[str]) -> list[GroupResult]:
        right = rng.binomial(config.group_size, [rate[rows[id_]] for id_ in ids])
        return [_group(id_, int(k), config.group_size) for id_, k in zip(ids, right, strict=True)]

    paid: list[GroupResult] = []
    trained = 0
    for _ in range(config.steps):
        groups, kept = step(course, config.groups, attempt)
        paid, trained = paid + groups, trained + kept
    mixed = [group.advantage > 0 for group in paid]
    tokens = config.group_size * sum(float(cost[rows[group.problem_id]]) for group in paid)
    quarter = max(1, len(mixed) // 4)
    shares = (np.mean(mixed), np.mean(mixed[:quarter]), np.mean(mixed[-quarter:])) if mixed else (0.0, 0.0, 0.0)
    return *(float(share) for share in shares), trained / config.steps, len(paid) / config.steps, tokens / config.steps


def course_of(part: Any, pool: Pool, seed: int) -> OnlineCurriculum:
    """An online curriculum under way, or an offline one's order."""
    if isinstance(part, AdaptiveCurriculum):
        return part.begin(pool, seed=seed)
    return FixedOrder(part.arrange(pool, np.random.default_rng(derive_seed("arrange", seed))).order)


def step(
    course: OnlineCurriculum, groups: int, attempt: Callable[[Sequence[str]], list[GroupResult]]
) -> tuple[list[GroupResult], int]:
    """The groups of one optimiser step, dropped ones included, and how many are trained on; refilled as often as the course allows."""
    paid: list[GroupResult] = []
    kept = 0
    for _ in range(1 + course.max_resamples):
        found = attempt(course.sample(groups - kept))
        course.observe(found)
        paid += found
        kept += sum(map(course.admits, found))
        if kept >= groups or not found:
            break
    return paid, kept


def _group(id_: str, right: int, size: int) -> GroupResult:
    share = right / size
    return GroupResult(id_, Counts(correct=right, wrong=size - right), 2 * (share * (1 - share)) ** 0.5)
