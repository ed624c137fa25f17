"""At which temperature a policy's tokens have a wanted entropy, from samples at a few temperatures."""

from collections.abc import Sequence


def entropy(logprobs: Sequence[Sequence[float]]) -> float:
    """Nats a token, estimated by the mean of -log p over all sampled tokens.

    Unbiased where each token was drawn from the very distribution whose log-probability is given: the temperature's own, with no top-p
    and no top-k. Tokens count alike, so long answers count more.

    Raises:
        ValueError: no token at all.

    >>> entropy([(-1.0, 0.0), (-0.5,)])
    0.5
    """
    tokens = [value for each in logprobs for value in each]
    if not tokens:
        raise ValueError("no token to take an entropy of")
    return -sum(tokens) / len(tokens)


def crossing(
    temperatures: Sequence[float], entropies: Sequence[float], wanted: float
) -> tuple[float, float, float, bool]:
    """Temperature of the wanted entropy, the two measured ones around it, and whether it lies outside of all that were measured.

    Entropy rises with temperature; measured ones that fall are pooled with their neighbours (isotonic regression), then joined by lines.
    Outside, the nearest measured temperature is given, with 0 or itself as the other end.

    Raises:
        ValueError: temperatures are not ascending, or not one entropy each.

    Source: AceReason-Nemotron 1.1, arXiv:2506.13284: T such that the entropy is about .3.

    >>> crossing([0.5, 1.0], [0.2, 0.4], 0.3)
    (0.75, 0.5, 1.0, False)
    >>> crossing([0.5, 1.0], [0.2, 0.4], 0.6)
    (1.0, 1.0, 1.0, True)
    """
    if list(temperatures) != sorted(set(temperatures)) or len(temperatures) != len(entropies) or not temperatures:
        raise ValueError(f"{len(entropies)} entropies for temperatures {list(temperatures)}, which must ascend")
    level = rising(entropies)
    if wanted < level[0]:
        return temperatures[0], 0.0, temperatures[0], True
    if wanted > level[-1]:
        return temperatures[-1], temperatures[-1], temperatures[-1], True
    for i in range(len(level) - 1):
        if level[i] <= wanted <= level[i + 1]:
            share = (wanted - level[i]) / (level[i + 1] - level[i]) if level[i + 1] > level[i] else 0.5
            low, high = temperatures[i], temperatures[i + 1]
            return low + share * (high - low), low, high, False
    return temperatures[0], temperatures[0], temperatures[0], False  # one temperature, and it is the one


def rising(values: Sequence[float]) -> list[float]:
    """The closest sequence that never falls, in squares: runs that fall become their mean.

    >>> rising([1.0, 3.0, 2.0, 4.0])
    [1.0, 2.5, 2.5, 4.0]
    """
    blocks: list[tuple[float, int]] = []
    for value in values:
        mean, size = value, 1
        while blocks and blocks[-1][0] > mean:
            before, many = blocks.pop()
            mean, size = (before * many + mean * size) / (many + size), many + size
        blocks.append((mean, size))
    return [mean for mean, size in blocks for _ in range(size)]
