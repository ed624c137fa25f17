"""What a pilot before each group saves: rollouts per mixed group with and without it."""

import math

from assay.maths.rl.group_signal import group_signal


def cost_per_mixed(rate: float, alive: float, group_size: int, pilot: int = 0, *, fresh: bool = False) -> float:
    """The expected rollouts per mixed group where a share `alive` of problems has the pass rate and the others have 0
    or 1.

    Whole groups: G / (a P_G), with P_n = 1 - p^n - (1 - p)^n. With a pilot of m that is completed where it is mixed,
    the
    group is then mixed for sure: (m + a P_m (G - m)) / (a P_m). A fresh group behind the gate: (m + a P_m G) / (a P_m
    P_G). Infinite where no group can be mixed. Shapes: scalars.

    Raises:
        ValueError: a pilot of 1 or of the whole group.

    >>> cost_per_mixed(0.5, 1.0, 2)
    4.0
    >>> cost_per_mixed(0.5, 1.0, 4, 2)  # 2 pilots of 2, then 2 more
    6.0
    """
    if pilot and not 2 <= pilot < group_size:
        raise ValueError(f"a pilot of {pilot} for a group of {group_size}: at least 2 and below the group are needed")
    whole = float(group_signal(rate, group_size))
    mixed_share = alive * float(group_signal(rate, pilot)) if pilot else alive * whole
    if not mixed_share:
        return math.inf
    if not pilot:
        return group_size / mixed_share
    rest = group_size if fresh else group_size - pilot
    return (pilot + mixed_share * rest) / mixed_share / (whole if fresh else 1.0)


def pilot_gain(rate: float, alive: float, group_size: int, pilot: int, *, fresh: bool = False) -> float:
    """How many times cheaper a mixed group is with a pilot.  # above 1 = the pilot pays

    As `alive` falls to 0 the gain rises to (G / m) P_m / P_G. Shapes: scalars.

    >>> round(pilot_gain(0.5, 1e-9, 8, 2), 2), round(pilot_gain(0.1, 1e-9, 8, 2), 2), round(pilot_gain(0.02, 1e-9, 8, 2), 2)
    (2.02, 1.26, 1.05)
    """
    return cost_per_mixed(rate, alive, group_size) / cost_per_mixed(rate, alive, group_size, pilot, fresh=fresh)
