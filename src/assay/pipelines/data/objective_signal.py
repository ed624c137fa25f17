"""The signal by which the config's objective learns, for the parts that predict it: selectors and adaptive scoring."""

from dataclasses import replace
from typing import Any

from assay.core.config import Config
from assay.core.parts import build_part
from assay.maths.rl.reward_signal import SignalKind


def objective_signal(config: Config) -> SignalKind:
    """Return "mixed" where the objective divides advantages by their group's standard deviation, else "sd".

    Divided ones are equally large in every group with unequal rewards (GRPO, DAPO); undivided ones grow with the
    standard deviation (Dr. GRPO, RLOO). The objective's own `scale_rewards` says which.

    Args:
        config: with `[train]`.
    """
    objective = build_part("objective", config.train.objective, config.train.settings)
    return "mixed" if objective.arguments().get("scale_rewards", "group") in ("group", True) else "sd"


def with_signal(part: Any, config: Config) -> Any:
    """Return a selector or scorer with the objective's signal and the judge's repeatability, where it sets neither.

    Args:
        part: whose fields `signal` and `tau`, where it has them, are None unless the config sets them.
        config: with `[train]` and `[grade]`.
    """
    values = {"signal": objective_signal(config), "tau": config.grade.repeatability}
    changes = {name: value for name, value in values.items() if hasattr(part, name) and getattr(part, name) is None}
    return replace(part, **changes) if changes else part


def signal_key(part: Any) -> list[object]:
    """Return what a key must hold of a part's signal: nothing for the default, so that older keys stay.

    Args:
        part: as `with_signal` returns it.
    """
    values = [(name, getattr(part, name, default)) for name, default in (("signal", "mixed"), ("tau", 0.0))]
    return [pair for pair in values if pair[1] not in ("mixed", 0.0, None)]
