"""What training would meet under each curriculum: the share of groups that carry signal, and the cost of a step.

The policy does not learn here: each repeat draws a pass rate per problem from the lake's posteriors, and where rewards
are graded how they are spread, and every group's rewards from these. An online curriculum observes the groups as it
would in training. Nothing is written.
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
from assay.pipelines.analysis.compare_selectors import mean_tokens, read_table
from assay.pipelines.analysis.simulated_policy import SimulatedPolicy
from assay.pipelines.analysis.simulated_steps import simulate_step
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.objective_signal import objective_signal
from assay.pipelines.data.pool import queries_of, scored_pool
from assay.pipelines.runner.stages import done_stages
from assay.pipelines.stages.order import curriculum_needs, read_selected_ids

ALWAYS = ("shuffled",)  # the baseline
RATES = ("beta_a", "beta_b")
NO_QUOTAS: Mapping[str, float] = {}
MEASURED = ("signal", "first", "last", "mixed", "trained", "paid", "tokens")


def simulate_curricula(context: RunContext, curricula: Sequence[str] = (), *, repeats: int = 16) -> dict[str, Any]:
    """Simulate a training under several curricula on the selected problems.

    Args:
        context: the run.
        curricula: names with settings after them; "plan" is `[order]` itself.
        repeats: simulated trainings per curriculum.

    Returns:
        {problems, unscored, steps, groups, group_size, curricula: one row each}, the config's own first, `shuffled`
        last. A row holds means over the repeats: signal (of the groups whose rollouts are paid for, as the objective
        learns: the share with unequal rewards, or the mean standard deviation of rewards where it divides by none), its
        standard deviation, first and last (the signal of the first and the last quarter), mixed (the share of groups
        neither all right nor all wrong), and per step trained (groups that training learns from), paid (groups whose
        rollouts are made, more where a step is refilled) and tokens (of the paid groups).

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
        context, inputs, needs, read_selected_ids(context, inputs.rows_of("select")), queries_of(*parts.values())
    )
    if not len(pool):
        raise ConfigError(
            f"none of the {len(unscored)} selected problems has the columns that {', '.join(configs)} need, so "
            "nothing can be simulated"
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
        "groups": train.problems_per_step,
        "group_size": train.group_size,
        "curricula": rows,
    }


def _parse_curricula(own: OrderConfig, curricula: Sequence[str]) -> dict[str, OrderConfig]:
    defaults = {"seed": own.seed}
    configs = {
        "plan": own,
        **{text: read_table(text, OrderConfig, "curriculum", defaults) for text in curricula if text != "plan"},
    }
    for name in ALWAYS:
        configs.setdefault(name, read_table(name, OrderConfig, "curriculum", defaults))
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
    mean = dict(zip(MEASURED, runs.mean(axis=0).tolist(), strict=True))
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
    policy = SimulatedPolicy(
        pool,
        config.group_size,
        kind=objective_signal(context.config),
        tau=context.config.grade.repeatability,
        rng=rng,
    )
    rows = {id_: row for row, id_ in enumerate(pool.ids)}
    course = course_of(part, visible, seed if repeat == 0 else derive_seed("course", seed, repeat), order.quotas)
    paid_groups: list[GroupResult] = []
    trained = 0
    for _ in range(config.steps):
        groups, admitted = simulate_step(course, config.problems_per_step, config.group_size, policy.attempt)
        paid_groups, trained = paid_groups + groups, trained + admitted
    tokens = sum(float(cost[rows[group.problem_id]]) * group.counts.total for group in paid_groups)
    size = np.array([group.counts.total for group in paid_groups])  # rollouts; a pilot that did not go on has fewer
    mixed = np.array([0 < group.counts.correct < group.counts.total == config.group_size for group in paid_groups])
    whole = float(size.sum()) / config.group_size  # groups' worth of rollouts
    parts = bool(len(paid_groups)) and int(size.min()) < config.group_size
    means = _quarters((mixed * size / size.mean()).tolist() if parts else policy.signals)
    share = float((mixed * size).sum() / size.sum()) if len(paid_groups) else 0.0
    return *means, share, trained / config.steps, whole / config.steps, tokens / config.steps


def _quarters(signals: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean signal of all groups, and of the first and the last quarter."""
    if not signals:
        return 0.0, 0.0, 0.0
    quarter = max(1, len(signals) // 4)
    return float(np.mean(signals)), float(np.mean(signals[:quarter])), float(np.mean(signals[-quarter:]))


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
