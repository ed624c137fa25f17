"""One token a row from logits: temperature, top-k, top-p, and a random number of the row's own."""

from collections.abc import Sequence
from typing import Any

from assay.core.types import SamplingConfig

HEAD = 1024  # most probable tokens that nearly always hold the nucleus; the whole vocabulary is sorted only where they do not


def sample_tokens(logits: Any, samplers: Sequence[SamplingConfig | None], chance: Any) -> Any:
    """One token a row, (r,), each drawn as its own sampler says; None = an empty row, whose token means nothing."""
    ways: dict[tuple[float, int, float], list[int]] = {}
    for row, sampler in enumerate(samplers):
        if sampler:
            ways.setdefault((sampler.temperature, sampler.top_k, sampler.top_p), []).append(row)
    first = next(sampler for sampler in samplers if sampler)
    if len(ways) == 1:
        return sample_token(logits, first, chance)
    tokens = logits.argmax(dim=-1)
    for rows in ways.values():
        one = samplers[rows[0]] or first
        tokens[rows] = sample_token(logits[rows], one, chance[rows])
    return tokens


def sample_token(logits: Any, sampler: SamplingConfig, chance: Any) -> Any:
    """One token a row, (r,), by inverting the distribution at `chance` (r,) in [0, 1).

    Temperature, then top-k, then top-p; 0 = greedy.

    logits: (r, V). A row's token depends on its own logits and its own number only.
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
    """The most probable tokens of each row, descending, at least down to the nucleus' edge: shares and ids."""
    head, order = share.topk(min(HEAD, share.shape[-1]), dim=-1)
    if bool((head.sum(dim=-1) >= top_p).all()):
        return head, order
    whole = share.sort(dim=-1, descending=True)
    return whole.values, whole.indices


def _invert_distribution(share: Any, chance: Any) -> Any:
    """The column at which each row's cumulated share first exceeds chance x total; never one without share."""
    import torch

    rising = share.double().cumsum(dim=-1)
    place = torch.searchsorted(rising, (chance.double() * rising[:, -1])[:, None], right=True)
    last = share.shape[-1] - 1 - (share.flip(-1) > 0).int().argmax(dim=-1)  # rounding may point behind the last share
    return torch.minimum(place[:, 0], last)
