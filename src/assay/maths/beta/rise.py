"""Whether a share of right attempts rose from one small sample to the next, without an assumption about the rates."""

from math import comb


def rise_p_value(before: tuple[int, int], after: tuple[int, int]) -> float:
    """Return the chance of as many right attempts in the second sample if both had the same rate (Fisher's exact test).

    Given how many of all attempts were right, those of the second sample are hypergeometric whatever the common rate.

    Args:
        before: right attempts and attempts of the first sample.
        after: of the second.

    Returns:
        The one-sided p-value, in (0, 1].

    Raises:
        ValueError: more right attempts than attempts, or a number below 0.

    >>> rise_p_value((0, 4), (4, 4))  # one of the 70 ways to place 4 right ones
    0.014285714285714285
    >>> rise_p_value((4, 4), (0, 4))
    1.0
    """
    (right_before, n_before), (right_after, n_after) = before, after
    if not (0 <= right_before <= n_before and 0 <= right_after <= n_after):
        raise ValueError(f"{right_before} of {n_before} and {right_after} of {n_after} attempts are right")
    right, n = right_before + right_after, n_before + n_after
    ways = sum(comb(n_after, k) * comb(n_before, right - k) for k in range(right_after, min(n_after, right) + 1))
    return ways / comb(n, right)
