"""The temperature at which a policy's tokens have a target entropy, from samples at a few temperatures."""

from collections.abc import Sequence


def entropy(logprobs: Sequence[Sequence[float]]) -> float:
    """The entropy in nats per token, estimated by the mean of -log p over all sampled tokens.

    Unbiased if each token was drawn from the distribution whose log-probability is passed: that of the temperature,
    without top-p and top-k. All tokens count equally, so long answers count more.

    Raises:
        ValueError: no token at all.

    >>> entropy([(-1.0, 0.0), (-0.5,)])
    0.5
    """
    tokens = [value for answer in logprobs for value in answer]
    if not tokens:
        raise ValueError("there are no tokens to compute an entropy from")
    return -sum(tokens) / len(tokens)


def temperature_of_entropy(
    temperatures: Sequence[float], entropies: Sequence[float], target: float
) -> tuple[float, float, float, bool]:
    """The temperature of the target entropy, the measured temperatures around it, and whether it is outside of them.

    Entropy rises with temperature; measurements that fall are pooled with their neighbours (isotonic regression), and
    joined by lines. Outside, the result is the nearest measured temperature, with 0 or itself as the other end.

    Raises:
        ValueError: temperatures are not ascending, or not one entropy each.

    Source: AceReason-Nemotron 1.1, arXiv:2506.13284: T such that the entropy is about .3.

    >>> temperature_of_entropy([0.5, 1.0], [0.2, 0.4], 0.3)
    (0.75, 0.5, 1.0, False)
    >>> temperature_of_entropy([0.5, 1.0], [0.2, 0.4], 0.6)
    (1.0, 1.0, 1.0, True)
    """
    if list(temperatures) != sorted(set(temperatures)) or len(temperatures) != len(entropies) or not temperatures:
        raise ValueError(f"{len(entropies)} entropies for temperatures {list(temperatures)}, which must ascend")
    level = isotonic_fit(entropies)
    if target < level[0]:
        return temperatures[0], 0.0, temperatures[0], True
    if target > level[-1]:
        return temperatures[-1], temperatures[-1], temperatures[-1], True
    for i in range(len(level) - 1):
        if level[i] <= target <= level[i + 1]:
            share = (target - level[i]) / (level[i + 1] - level[i]) if level[i + 1] > level[i] else 0.5
            low, high = temperatures[i], temperatures[i + 1]
            return low + share * (high - low), low, high, False
    # there is one temperature, with that entropy
    return temperatures[0], temperatures[0], temperatures[0], False


def isotonic_fit(values: Sequence[float]) -> list[float]:
    """The non-decreasing sequence that is closest in least squares: runs that fall become their mean.

    >>> isotonic_fit([1.0, 3.0, 2.0, 4.0])
    [1.0, 2.5, 2.5, 4.0]
    """
    blocks: list[tuple[float, int]] = []
    for value in values:
        mean, size = value, 1
        while blocks and blocks[-1][0] > mean:
            last_mean, last_size = blocks.pop()
            mean, size = (last_mean * last_size + mean * size) / (last_size + size), last_size + size
        blocks.append((mean, size))
    return [mean for mean, size in blocks for _ in range(size)]
