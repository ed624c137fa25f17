"""Draw one token per row from logits: temperature, top-k, top-p, and a random number that belongs to the row."""

from collections.abc import Sequence
from typing import Any

from assay.core.types import SamplingConfig

HEAD = 1024  # most probable tokens, which nearly always hold the nucleus; else the whole vocabulary is sorted


def sample_tokens(logits: Any, samplers: Sequence[SamplingConfig | None], chance: Any) -> Any:
    """Draw one token per row, (r,), with each row's own sampler; None = an empty row, whose token means nothing."""
    groups: dict[tuple[float, int, float], list[int]] = {}
    for row, sampler in enumerate(samplers):
        if sampler:
            groups.setdefault((sampler.temperature, sampler.top_k, sampler.top_p), []).append(row)
    first = next(sampler for sampler in samplers if sampler)
    if len(groups) == 1:
        return sample_token(logits, first, chance)
    tokens = logits.argmax(dim=-1)
    for rows in groups.values():
        tokens[rows] = sample_token(logits[rows], samplers[rows[0]] or first, chance[rows])
    return tokens


def sample_token(logits: Any, sampler: SamplingConfig, chance: Any) -> Any:
    """Draw one token per row, (r,), by inverting the distribution at `chance`.

    Temperature is applied first, then top-k, then top-p; a temperature of 0 is greedy. A row's token depends only on
    its own logits and its own number.

    Args:
        logits: (r, V).
        chance: (r,), in [0, 1).
    """
    import torch

    if not sampler.temperature:
        return logits.argmax(dim=-1)
    scaled = logits.float() / sampler.temperature
    if not sampler.top_k and sampler.top_p == 1:
        return _invert_distribution(torch.softmax(scaled, dim=-1), chance)
    if sampler.top_k:
        values, order = scaled.topk(min(sampler.top_k, scaled.shape[-1]), dim=-1)
        share = torch.softmax(values, dim=-1)
    else:
        share, order = _select_nucleus(torch.softmax(scaled, dim=-1), sampler.top_p)
    before = share.cumsum(dim=-1) - share
    share = share.masked_fill(before >= sampler.top_p, 0.0)  # the token that crosses top_p stays
    return order.gather(1, _invert_distribution(share, chance)[:, None])[:, 0]


def _select_nucleus(share: Any, top_p: float) -> tuple[Any, Any]:
    """Return shares and ids of each row's most probable tokens, descending, at least down to the nucleus' edge."""
    head, order = share.topk(min(HEAD, share.shape[-1]), dim=-1)
    if bool((head.sum(dim=-1) >= top_p).all()):
        return head, order
    whole = share.sort(dim=-1, descending=True)
    return whole.values, whole.indices


def _invert_distribution(share: Any, chance: Any) -> Any:
    """Return the column at which each row's cumulated share first exceeds chance x total; never one without share."""
    import torch

    rising = share.double().cumsum(dim=-1)
    place = torch.searchsorted(rising, (chance.double() * rising[:, -1])[:, None], right=True)
    last = share.shape[-1] - 1 - (share.flip(-1) > 0).int().argmax(dim=-1)  # rounding may point behind the last share
    return torch.minimum(place[:, 0], last)
