"""From prompts to tokens in torch: each prompt computed once, its keys and values copied to every sample, each sample drawn by its own seed."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from assay.core.types import Finish, Sampler

ROOM = 64  # spare columns of a growing cache
HEAD = 1024  # most probable tokens that nearly always hold the nucleus; the whole vocabulary is sorted only where they do not


@dataclass(frozen=True)
class Answer:
    """Generated tokens, the closing one included, and why they ended."""

    tokens: tuple[int, ...]
    finish: Finish
    logprobs: tuple[float, ...] | None = None  # of each token at the sampler's temperature, before top-k and top-p


@dataclass
class Decoder:
    """A causal language model with the keys and values of the last shared prefix kept warm."""

    model: Any
    ends: Callable[[Sequence[int], Sampler], bool]  # whether the last token closed the answer
    logprobs: bool = False  # whether answers hold them
    warm: tuple[int, ...] = ()  # tokens of the kept prefix
    cache: Any = field(default=None, repr=False)  # their keys and values, batch of one

    def answer(self, prompts: Sequence[Sequence[int]], seeds: Sequence[Sequence[int]], sampler: Sampler) -> list[list[Answer]]:
        """Answers[i][j] of prompt i with its j-th seed; a row leaves the batch when it ends."""
        import torch

        with torch.inference_mode():
            logits, mask, cache = self._prefill(prompts)
            owners = torch.tensor([i for i, each in enumerate(seeds) for _ in each], device=mask.device)
            chance = [np.random.default_rng(seed).random(sampler.max_tokens) for each in seeds for seed in each]
            cache.batch_select_indices(owners)
            _give_room(cache)
            rows = self._decode(logits[owners], mask[owners], cache, chance, sampler)
        finished = iter(rows)
        return [[next(finished) for _ in each] for each in seeds]

    def _decode(self, logits: Any, mask: Any, cache: Any, chance: Sequence[Any], sampler: Sampler) -> list[Answer]:
        import torch

        written: list[list[int]] = [[] for _ in chance]
        surety: list[list[float]] = [[] for _ in chance]
        closed: set[int] = set()
        live = list(range(len(chance)))
        for step in range(sampler.max_tokens):
            drawn = draw(logits, sampler, torch.tensor([chance[row][step] for row in live], device=logits.device))
            for row, token in zip(live, drawn.tolist(), strict=True):
                written[row].append(token)
            if self.logprobs:
                warmth = torch.log_softmax(logits.float() / (sampler.temperature or 1.0), dim=-1)  # (r, V)
                for row, value in zip(live, warmth.gather(1, drawn[:, None])[:, 0].tolist(), strict=True):
                    surety[row].append(value)
            closed |= {row for row in live if self.ends(written[row], sampler)}
            stay = [i for i, row in enumerate(live) if row not in closed]
            if not stay or step + 1 == sampler.max_tokens:
                break
            if len(stay) < len(live):
                kept = torch.tensor(stay, device=mask.device)
                live, drawn, mask = [live[i] for i in stay], drawn[kept], mask[kept]
                cache.batch_select_indices(kept)
            mask = torch.cat([mask, mask.new_ones(len(live), 1)], dim=1)
            logits = self._forward(drawn[:, None], mask, cache)
        given = [tuple(each) if self.logprobs else None for each in surety]
        return [Answer(tuple(tokens), "stop" if row in closed else "length", given[row]) for row, tokens in enumerate(written)]

    def _prefill(self, prompts: Sequence[Sequence[int]]) -> tuple[Any, Any, Any]:
        """Next-token logits (p, V), mask (p, L) and cache of p prompts whose common prefix is computed once for all."""
        import torch

        shared = common(prompts)[: min(map(len, prompts)) - 1]  # one token at least stays, to give the logits
        cache = self._prefix(shared)
        cache.batch_repeat_interleave(len(prompts))
        tails = [tuple(prompt[len(shared) :]) for prompt in prompts]
        width = max(map(len, tails))
        ids = torch.tensor([(0,) * (width - len(tail)) + tail for tail in tails], device=self.model.device)  # padded on the left
        real = torch.tensor([[0] * (width - len(tail)) + [1] * len(tail) for tail in tails], device=self.model.device)
        mask = torch.cat([real.new_ones(len(tails), len(shared)), real], dim=1)
        return self._forward(ids, mask, cache), mask, cache

    def _prefix(self, shared: tuple[int, ...]) -> Any:
        """A cache of the shared tokens that its caller may change; only what the warm one lacks is computed."""
        import torch
        from transformers.cache_utils import DynamicCache, DynamicLayer

        kept = common([shared, self.warm])
        cache = copy.deepcopy(self.cache)
        plain = cache is not None and all(type(layer) is DynamicLayer for layer in cache.layers)
        if plain and kept:
            cache.crop(len(kept) - len(self.warm))
        else:  # a sliding window or a recurrent state cannot go back
            kept, cache = (), DynamicCache(config=self.model.config)
        if len(shared) > len(kept):
            ids = torch.tensor([shared[len(kept) :]], device=self.model.device)
            self._forward(ids, ids.new_ones(1, len(shared)), cache)
        self.warm, self.cache = shared, cache
        return copy.deepcopy(cache)

    def _forward(self, ids: Any, mask: Any, cache: Any) -> Any:
        """Logits after the last column, (rows, V); the cache grows by the columns of `ids`."""
        places = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        found = self.model(input_ids=ids, attention_mask=mask, position_ids=places, past_key_values=cache, use_cache=True, logits_to_keep=1)
        return found.logits[:, -1]


def _give_room(cache: Any) -> None:
    """Plain layers get spare columns, so that a new token is written in place and not into a copy of everything before it."""
    from transformers.cache_utils import DynamicLayer

    roomy = _roomy(DynamicLayer)
    for layer in cache.layers:
        if type(layer) is DynamicLayer:
            layer.__class__ = roomy


@lru_cache(maxsize=1)
def _roomy(plain: Any) -> type:
    """The plain layer with its columns at the front of a larger tensor, of which `keys` and `values` are views."""

    class Roomy(plain):  # type: ignore[misc]  # its base is known only once transformers is imported
        keys: Any
        values: Any

        def update(self, key_states: Any, value_states: Any, *_: Any, **__: Any) -> tuple[Any, Any]:
            self.keys, self.values = _append(self.keys, key_states), _append(self.values, value_states)
            return self.keys, self.values

    return Roomy


def _append(before: Any, new: Any) -> Any:
    """`before` (r, h, t, d) and `new` (r, h, 1, d) as one view (r, h, t + 1, d), copied only where no room is left behind `before`."""
    rows, heads, columns, width = before.shape
    room = before.stride(1) // width - columns if before.stride(2) == width else 0
    if room < new.shape[2] or before.storage_offset():
        wide = before.new_empty(rows, heads, columns + new.shape[2] + ROOM, width)
        wide[:, :, :columns] = before
        before = wide[:, :, :columns]
    longer = before.as_strided((rows, heads, columns + new.shape[2], width), before.stride())
    longer[:, :, columns:] = new
    return longer


def common(rows: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """The longest prefix of all rows.

    >>> common([(1, 2, 3), (1, 2, 4, 5)]), common([(1, 2)]), common([(1,), ()])
    ((1, 2), (1, 2), ())
    """
    first, last = min(map(tuple, rows)), max(map(tuple, rows))  # in order, only the outermost two can differ earliest
    length = next((i for i, (left, right) in enumerate(zip(first, last, strict=False)) if left != right), min(len(first), len(last)))
    return first[:length]


def draw(logits: Any, sampler: Sampler, chance: Any) -> Any:
    """One token a row, (r,), by inverting the distribution at `chance` (r,) in [0, 1); temperature, then top-k, then top-p; 0 = greedy.

    logits: (r, V). A row's token depends on its own logits and its own number only.
    """
    import torch

    if not sampler.temperature:
        return logits.argmax(dim=-1)
    scaled = logits.float() / sampler.temperature
    if not sampler.top_k and sampler.top_p == 1:
        return _invert(torch.softmax(scaled, dim=-1), chance)
    if sampler.top_k:
        values, order = scaled.topk(min(sampler.top_k, scaled.shape[-1]), dim=-1)
        share = torch.softmax(values, dim=-1)
    else:
        share, order = _nucleus_head(torch.softmax(scaled, dim=-1), sampler.top_p)
    before = share.cumsum(dim=-1) - share
    share = share.masked_fill(before >= sampler.top_p, 0.0)  # the token that crosses top_p stays
    return order.gather(1, _invert(share, chance)[:, None])[:, 0]


def _nucleus_head(share: Any, top_p: float) -> tuple[Any, Any]:
    """The most probable tokens of each row, descending, at least down to the nucleus' edge: shares and ids."""
    head, order = share.topk(min(HEAD, share.shape[-1]), dim=-1)
    if bool((head.sum(dim=-1) >= top_p).all()):
        return head, order
    whole = share.sort(dim=-1, descending=True)
    return whole.values, whole.indices


def _invert(share: Any, chance: Any) -> Any:
    """The column at which each row's cumulated share first exceeds chance x total; never one without share."""
    import torch

    rising = share.double().cumsum(dim=-1)
    place = torch.searchsorted(rising, (chance.double() * rising[:, -1])[:, None], right=True)
    last = share.shape[-1] - 1 - (share.flip(-1) > 0).int().argmax(dim=-1)  # rounding may point behind the last share
    return torch.minimum(place[:, 0], last)
