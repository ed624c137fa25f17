"""What training would meet under each curriculum: the share of groups that carry signal, and the cost of a step.

The policy does not learn here: each repeat draws a pass rate per problem from the lake's posteriors, and every group's
counts from these rates. An online curriculum observes the counts as it would in training. Nothing is written.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.core.config import OrderConfig
from assay.core.errors import ConfigError
from assay.core.identity import derive_seed
from assay.core.parts import build_part
from assay.core.ports import AdaptiveCurriculum, OnlineCurriculum
from assay.core.types import GroupResult, Pool
from assay.curricula.online.quotas import begin_curriculum
from assay.curricula.online.state import FixedOrder
from assay.pipelines.analysis.compare_selectors import mean_tokens, worded
from assay.pipelines.analysis.simulated_steps import binomial_attempts, simulate_step
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.pool import queries_of, scored_pool
from assay.pipelines.runner.stages import done_stages
from assay.pipelines.stages.order import curriculum_needs, selected

ALWAYS = ("shuffled",)  # the baseline
RATES = ("beta_a", "beta_b")
NO_QUOTAS: Mapping[str, float] = {}


def forecast(context: RunContext, curricula: Sequence[str] = (), *, repeats: int = 16) -> dict[str, Any]:
    """Simulate a training under several curricula on the selected problems.

    Args:
        context: the run.
        curricula: names with settings after them; "plan" is `[order]` itself.
        repeats: simulated trainings per curriculum.

    Returns:
        {problems, unscored, steps, groups, group_size, curricula: one row each}, the plan's own first, `shuffled` last.
        A row holds means over the repeats: signal (the share of mixed groups among those whose rollouts are paid for),
        its standard deviation, first and last (the signal of the first and the last quarter), and per step trained
        (groups that training learns from), paid (groups whose rollouts are made, more where a step is refilled) and
        tokens (of the paid groups).

    Raises:
        ConfigError: a stage before ordering is not done, or a name or setting is wrong.
    """
    inputs = done_stages(context, "select", "a forecast")
    configs = _parse_curricula(context.config.order, curricula)
    parts = {name: build_part("curriculum", config.curriculum, config.settings) for name, config in configs.items()}
    needs = tuple(
        dict.fromkeys(
            [*RATES, *(need for name, part in parts.items() for need in curriculum_needs(part, configs[name]))]
        )
    )
    pool, unscored = scored_pool(
        context, inputs, needs, selected(context, inputs.rows_of("select")), queries_of(*parts.values())
    )
    if not len(pool):
        raise ConfigError(
            f"none of the {len(unscored)} selected problems has what {', '.join(configs)} need; nothing can be foreseen"
        )
    cost = mean_tokens(context, pool)
    rows = [
        {"curriculum": name, **_simulate_curriculum(context, part, pool, cost, configs[name], repeats)}
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


def _parse_curricula(own: OrderConfig, curricula: Sequence[str]) -> dict[str, OrderConfig]:
    defaults = {"seed": own.seed}
    configs = {
        "plan": own,
        **{text: worded(text, OrderConfig, "curriculum", defaults) for text in curricula if text != "plan"},
    }
    for name in ALWAYS:
        configs.setdefault(name, worded(name, OrderConfig, "curriculum", defaults))
    return configs


def _simulate_curriculum(
    context: RunContext, part: Any, pool: Pool, cost: NDArray[np.float64], config: OrderConfig, repeats: int
) -> dict[str, Any]:
    """Return the means over the repeats, and the standard deviation of the signal."""
    visible = Pool(
        pool.ids,
        pool.columns,
        pool.vectors if "vectors" in part.needs else None,
        pool.cluster if "cluster" in part.needs else None,
    )
    runs = np.array(
        [_simulate_training(context, part, visible, pool, cost, config, repeat) for repeat in range(repeats)]
    )
    mean = dict(zip(("signal", "first", "last", "trained", "paid", "tokens"), runs.mean(axis=0).tolist(), strict=True))
    return {**mean, "deviation": float(runs[:, 0].std(ddof=1)) if repeats > 1 else 0.0}


def _simulate_training(
    context: RunContext,
    part: Any,
    visible: Pool,
    pool: Pool,
    cost: NDArray[np.float64],
    order: OrderConfig,
    repeat: int,
) -> tuple[float, ...]:
    seed = order.seed
    config, rng = context.config.train, np.random.default_rng(derive_seed("forecast", seed, repeat))
    rate = rng.beta(pool.column("beta_a"), pool.column("beta_b"))  # (n,)
    rows = {id_: row for row, id_ in enumerate(pool.ids)}
    course = course_of(part, visible, seed if repeat == 0 else derive_seed("course", seed, repeat), order.quotas)

    attempt = binomial_attempts(rows, lambda: rate, rng)
    paid: list[GroupResult] = []
    trained = 0
    for _ in range(config.steps):
        groups, admitted = simulate_step(course, config.groups, config.group_size, attempt)
        paid, trained = paid + groups, trained + admitted
    size = np.array([group.counts.total for group in paid])  # rollouts; a pilot that did not go on has fewer
    mixed = np.array([group.advantage > 0 for group in paid]) * (size == config.group_size) * size
    tokens = sum(float(cost[rows[group.problem_id]]) * group.counts.total for group in paid)
    quarter = max(1, len(paid) // 4)
    parts = (slice(None), slice(quarter), slice(-quarter, None))
    shares = [float(mixed[part].sum() / size[part].sum()) if len(paid) else 0.0 for part in parts]
    return *shares, trained / config.steps, float(size.sum()) / config.group_size / config.steps, tokens / config.steps


def course_of(part: Any, pool: Pool, seed: int, quotas: Mapping[str, float] = NO_QUOTAS) -> OnlineCurriculum:
    """Begin an online curriculum, or wrap an offline one's order as one.

    Args:
        part: the curriculum.
        pool: the problems with what the curriculum needs of them.
        seed: decides its random draws.
        quotas: shares of every step by source, of an online curriculum.
    """
    if isinstance(part, AdaptiveCurriculum):
        return begin_curriculum(part, pool, quotas, seed=seed)
    return FixedOrder(part.arrange(pool, np.random.default_rng(derive_seed("arrange", seed))).order)
