"""Decode with continuous batching in torch.

Each prompt is computed once, its keys and values are copied to every sample, and each sample draws with its own seed.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from assay.core.types import Finish, SamplingConfig
from assay.engines.hf import kv_cache
from assay.engines.hf.token_sampling import sample_tokens
from assay.engines.requests.order import take_ready

FREE = 8  # a batch takes more once one place in so many is free
GROWTH = 4  # a batch that needs more places gets at least one for every so many that it has
DEAD = 64  # columns that no row needs any more before they are cut off


@dataclass(frozen=True)
class DecodedAnswer:
    """Generated tokens, the closing one included, and why they ended."""

    tokens: tuple[int, ...]
    finish: Finish
    logprobs: tuple[float, ...] | None = None  # of each token at the sampler's temperature, before top-k and top-p


@dataclass(frozen=True)
class SampleRow:
    """A sample to be drawn."""

    key: Any  # the caller's own
    prompt: tuple[int, ...]
    seed: int
    sampler: SamplingConfig


@dataclass
class DecodingBatch:
    """Samples that are decoded together, each with its own sampling.

    A place whose sample has ended stays in the batch, empty, until another takes it.
    """

    places: list[SampleRow | None]
    written: list[list[int]]
    chance: list[Any]  # the random numbers of each
    logits: Any  # (r, V) of the next token
    mask: Any  # (r, L), 1 = a column of this row
    cache: Any
    surety: list[list[float]] = field(default_factory=list)  # log-probabilities of what is written, where they are kept

    @property
    def free(self) -> list[int]:
        """Places whose sample has ended."""
        return [i for i, row in enumerate(self.places) if row is None]

    @property
    def live(self) -> int:
        """Samples that go on."""
        return len(self.places) - len(self.free)

    def take(self, new: "DecodingBatch", *, most: int) -> None:
        """The rows of `new` in the first free places; what is missing is added, at most up to `most` places."""
        import torch

        if len(self.free) < len(new.places):
            self._widen(min(most, max(self.live + len(new.places), len(self.places) * (GROWTH + 1) // GROWTH)))
        at = self.free[: len(new.places)]
        if (short := new.mask.shape[1] - self.mask.shape[1]) > 0:
            self.mask = torch.nn.functional.pad(self.mask, (short, 0))
            kv_cache.shift_columns(self.cache, short)
        for place, row, chance in zip(at, new.places, new.chance, strict=True):
            self.places[place], self.written[place], self.chance[place], self.surety[place] = row, [], chance, []
        rows = torch.tensor(at, device=self.mask.device)
        kv_cache.replace_rows(self.cache, rows, new.cache)
        self.mask[rows] = torch.nn.functional.pad(new.mask, (self.mask.shape[1] - new.mask.shape[1], 0))
        self.logits[rows] = new.logits

    def _widen(self, places: int) -> None:
        """So many places, the new ones empty."""
        had = len(self.places)
        self.keep([*range(had), *[0] * (places - had)])
        for place in range(had, places):
            self.clear(place)

    def clear(self, place: int) -> None:
        """The place is empty."""
        self.places[place] = None
        self.mask[place, :-1] = 0  # one column stays: a row of none would be no distribution

    def keep(self, at: Sequence[int]) -> None:
        """Only those places."""
        import torch

        rows = torch.tensor(at, device=self.mask.device)
        self.places, self.written, self.chance = (
            [self.places[i] for i in at],
            [self.written[i] for i in at],
            [self.chance[i] for i in at],
        )
        self.surety = [self.surety[i] for i in at]
        self.logits, self.mask = self.logits[rows], self.mask[rows]
        self.cache.batch_select_indices(rows)

    def trim(self) -> None:
        """Without the first columns, where no row needs them."""
        dead = int(self.mask.any(dim=0).int().argmax())
        if dead >= DEAD:
            self.mask = self.mask[:, dead:]
            kv_cache.shift_columns(self.cache, -dead)


@dataclass
class Decoder:
    """A causal language model with the keys and values of the last shared prefix kept warm."""

    model: Any
    ends: Callable[[Sequence[int], SamplingConfig], bool]  # whether the last token closed the answer
    logprobs: bool = False  # whether answers hold them
    warm: tuple[int, ...] = ()  # tokens of the kept prefix
    cache: Any = field(default=None, repr=False)  # their keys and values, batch of one

    def answer(
        self, rows: Iterator[SampleRow | None], *, most: int
    ) -> Iterator[tuple[list[tuple[SampleRow, DecodedAnswer]], int]]:
        """Yield the samples that each step completed, perhaps none, and how many go on.

        At most `most` are drawn at once; the next take the places of those that ended.

        `rows` is read as there is room, up to the first None, which says "none yet". Each of them is yielded once.
        """
        import torch

        batch, more = None, True
        while True:
            with torch.inference_mode():  # not around the yield: it is the thread's, and would hold for the caller too
                idle = not more  # nobody waits for a place
                if more and (batch is None or _has_room(batch, most)):
                    new, ended = take_ready(rows, most - (batch.live if batch else 0))
                    more, idle = not ended, not new
                    batch = self._with(batch, new, most) if new else batch
                if batch is None and not more:
                    return
                done = [] if batch is None else self._step(batch)
                batch = None if batch is None else _compact(batch, idle=idle)
            yield done, batch.live if batch else 0

    def _with(self, batch: DecodingBatch | None, new: Sequence[SampleRow], most: int) -> DecodingBatch:
        """The batch with new rows in its free places, or a new batch."""
        import torch

        prompts = list(dict.fromkeys(row.prompt for row in new))
        logits, mask, cache = self._prefill(prompts)
        owners = torch.tensor([prompts.index(row.prompt) for row in new], device=mask.device)
        cache.batch_select_indices(owners)
        chance = [np.random.default_rng(row.seed).random(row.sampler.max_tokens) for row in new]
        fresh = DecodingBatch([*new], [[] for _ in new], chance, logits[owners], mask[owners], cache, [[] for _ in new])
        if batch is None:
            kv_cache.reserve_columns(cache)
            return fresh
        batch.take(fresh, most=most)
        batch.trim()
        return batch

    def _step(self, batch: DecodingBatch) -> list[tuple[SampleRow, DecodedAnswer]]:
        """One token for every row; those that it completed."""
        import torch

        chance = [
            numbers[len(written)] if row else 0.0
            for row, written, numbers in zip(batch.places, batch.written, batch.chance, strict=True)
        ]
        samplers = [row.sampler if row else None for row in batch.places]
        drawn = sample_tokens(batch.logits, samplers, torch.tensor(chance, device=batch.logits.device))
        if self.logprobs:
            warmth = batch.logits.new_tensor([[each.temperature or 1.0 if each else 1.0] for each in samplers]).float()
            sure = torch.log_softmax(batch.logits.float() / warmth, dim=-1)  # (r, V)
            for surety, value in zip(batch.surety, sure.gather(1, drawn[:, None])[:, 0].tolist(), strict=True):
                surety.append(value)
        done: list[tuple[SampleRow, DecodedAnswer]] = []
        for i, (row, token) in enumerate(zip(batch.places, drawn.tolist(), strict=True)):
            if row is None:
                continue
            batch.written[i].append(token)
            closed = self.ends(batch.written[i], row.sampler)
            if closed or len(batch.written[i]) == row.sampler.max_tokens:
                told = tuple(batch.surety[i]) if self.logprobs else None
                done.append((row, DecodedAnswer(tuple(batch.written[i]), "stop" if closed else "length", told)))
                batch.clear(i)
        if any(batch.places):
            live = batch.mask.new_tensor([[row is not None] for row in batch.places])
            batch.mask = torch.cat([batch.mask, live], dim=1)
            batch.logits = self._forward(drawn[:, None], batch.mask, batch.cache)
        return done

    def _prefill(self, prompts: Sequence[Sequence[int]]) -> tuple[Any, Any, Any]:
        """Next-token logits (p, V), mask (p, L) and cache of p prompts whose common prefix is computed once for all."""
        import torch

        shared = common_prefix(prompts)[: min(map(len, prompts)) - 1]  # one token at least stays, to give the logits
        cache = self._prefix(shared)
        cache.batch_repeat_interleave(len(prompts))
        tails = [tuple(prompt[len(shared) :]) for prompt in prompts]
        width = max(map(len, tails))
        ids = torch.tensor(
            [(0,) * (width - len(tail)) + tail for tail in tails], device=self.model.device
        )  # padded on the left
        real = torch.tensor([[0] * (width - len(tail)) + [1] * len(tail) for tail in tails], device=self.model.device)
        mask = torch.cat([real.new_ones(len(tails), len(shared)), real], dim=1)
        return self._forward(ids, mask, cache), mask, cache

    def _prefix(self, shared: tuple[int, ...]) -> Any:
        """A cache of the shared tokens that its caller may change; only what the warm one lacks is computed."""
        import torch
        from transformers.cache_utils import DynamicCache

        kept = common_prefix([shared, self.warm])
        cache = copy.deepcopy(self.cache)
        plain = cache is not None and kv_cache.keeps_every_column(cache)
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
        found = self.model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=places,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return found.logits[:, -1]


def _has_room(batch: DecodingBatch, most: int) -> bool:
    return (most - batch.live) * FREE >= most and kv_cache.keeps_every_column(batch.cache)


def _compact(batch: DecodingBatch, *, idle: bool) -> DecodingBatch | None:
    """The batch without its empty places, where nobody waits for them and they are a quarter or more.

    None where none is left.
    """
    if not any(batch.places):
        return None
    if (idle or not kv_cache.keeps_every_column(batch.cache)) and len(batch.free) * 4 >= len(batch.places):
        batch.keep([i for i, row in enumerate(batch.places) if row])
    return batch


def common_prefix(rows: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """The longest prefix of all rows.

    >>> common_prefix([(1, 2, 3), (1, 2, 4, 5)]), common_prefix([(1, 2)]), common_prefix([(1,), ()])
    ((1, 2), (1, 2), ())
    """
    first, last = min(map(tuple, rows)), max(map(tuple, rows))  # in order, only the outermost two can differ earliest
    length = next(
        (i for i, (left, right) in enumerate(zip(first, last, strict=False)) if left != right),
        min(len(first), len(last)),
    )
    return first[:length]
