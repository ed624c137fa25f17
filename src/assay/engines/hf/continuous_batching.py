"""Decode samples with continuous batching in torch: a sample that ends makes room for the next.

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

FREE_ROWS = 8  # new samples join a batch once one in so many of its rows is free
GROWTH = 4  # a batch that needs more rows grows by at least one for every so many that it has
DEAD_COLUMNS = 64  # leading columns that no row needs are cut off once there are so many


@dataclass(frozen=True)
class DecodedAnswer:
    """Generated tokens, including the closing one, and why they ended."""

    tokens: tuple[int, ...]
    finish: Finish
    logprobs: tuple[float, ...] | None = None  # of each token at the sampler's temperature, before top-k and top-p


@dataclass(frozen=True)
class SampleToDraw:
    """One sample that is to be drawn."""

    key: Any  # the caller's own name for it
    prompt: tuple[int, ...]
    seed: int
    sampler: SamplingConfig


@dataclass
class DecodingBatch:
    """Samples that are decoded together, each with its own sampling settings.

    A row whose sample has ended stays in the batch, empty, until another sample takes it.
    """

    rows: list[SampleToDraw | None]
    tokens: list[list[int]]  # generated so far, per row
    chances: list[Any]  # random numbers in [0, 1), one per token to come, per row
    logits: Any  # (r, V) of the next token
    mask: Any  # (r, L), 1 = a column of this row
    cache: Any
    logprobs: list[list[float]] = field(default_factory=list)  # of the tokens, per row, where they are kept

    @property
    def free(self) -> list[int]:
        """Return the rows whose sample has ended."""
        return [i for i, row in enumerate(self.rows) if row is None]

    @property
    def live(self) -> int:
        """Return the number of samples that continue."""
        return len(self.rows) - len(self.free)

    def add_rows(self, new: "DecodingBatch", *, max_rows: int) -> None:
        """Put the rows of `new` into the first free rows; grow up to `max_rows` where they do not suffice."""
        import torch

        if len(self.free) < len(new.rows):
            self._grow(min(max_rows, max(self.live + len(new.rows), len(self.rows) * (GROWTH + 1) // GROWTH)))
        indices = self.free[: len(new.rows)]
        if (missing := new.mask.shape[1] - self.mask.shape[1]) > 0:
            self.mask = torch.nn.functional.pad(self.mask, (missing, 0))
            kv_cache.shift_columns(self.cache, missing)
        for i, row, chances in zip(indices, new.rows, new.chances, strict=True):
            self.rows[i], self.tokens[i], self.chances[i], self.logprobs[i] = row, [], chances, []
        selected_rows = torch.tensor(indices, device=self.mask.device)
        kv_cache.replace_rows(self.cache, selected_rows, new.cache)
        self.mask[selected_rows] = torch.nn.functional.pad(new.mask, (self.mask.shape[1] - new.mask.shape[1], 0))
        self.logits[selected_rows] = new.logits

    def _grow(self, size: int) -> None:
        """Grow to `size` rows, of which the new ones are empty."""
        old_size = len(self.rows)
        self.select_rows([*range(old_size), *[0] * (size - old_size)])
        for i in range(old_size, size):
            self.clear_row(i)

    def clear_row(self, i: int) -> None:
        """Mark a row as empty."""
        self.rows[i] = None
        self.mask[i, :-1] = 0  # one column stays: attention over none would be no distribution

    def select_rows(self, indices: Sequence[int]) -> None:
        """Keep only these rows, in this order."""
        import torch

        selected_rows = torch.tensor(indices, device=self.mask.device)
        self.rows = [self.rows[i] for i in indices]
        self.tokens = [self.tokens[i] for i in indices]
        self.chances = [self.chances[i] for i in indices]
        self.logprobs = [self.logprobs[i] for i in indices]
        self.logits, self.mask = self.logits[selected_rows], self.mask[selected_rows]
        self.cache.batch_select_indices(selected_rows)

    def trim_columns(self) -> None:
        """Cut off the first columns, where no row needs them."""
        dead = int(self.mask.any(dim=0).int().argmax())
        if dead >= DEAD_COLUMNS:
            self.mask = self.mask[:, dead:]
            kv_cache.shift_columns(self.cache, -dead)


@dataclass
class Decoder:
    """A causal language model, with the keys and values of the last shared prefix kept for the next prompts."""

    model: Any
    is_complete: Callable[[Sequence[int], SamplingConfig], bool]  # whether the last token closed the answer
    logprobs: bool = False  # whether answers hold log-probabilities
    prefix: tuple[int, ...] = ()  # tokens of the last shared prefix
    cache: Any = field(default=None, repr=False)  # their keys and values, batch of one

    def decode(
        self, samples: Iterator[SampleToDraw | None], *, max_rows: int
    ) -> Iterator[tuple[list[tuple[SampleToDraw, DecodedAnswer]], int]]:
        """Yield per decoding step the samples that it completed, perhaps none, and how many continue.

        Args:
            samples: read as there is room, up to the first None, which means "none yet"; each is yielded once.
            max_rows: samples that are drawn at once; the next ones take the rows of those that ended.
        """
        import torch

        batch, more = None, True
        while True:
            with torch.inference_mode():  # not around the yield: the mode belongs to the thread, and so to the caller
                is_idle = not more  # no sample waits for a row
                if more and (batch is None or _has_room(batch, max_rows)):
                    new, is_last = take_ready(samples, max_rows - (batch.live if batch else 0))
                    more, is_idle = not is_last, not new
                    batch = self._add_samples(batch, new, max_rows) if new else batch
                if batch is None and not more:
                    return
                completed = [] if batch is None else self._decode_step(batch)
                batch = None if batch is None else _compact_rows(batch, is_idle=is_idle)
            yield completed, batch.live if batch else 0

    def _add_samples(self, batch: DecodingBatch | None, new: Sequence[SampleToDraw], max_rows: int) -> DecodingBatch:
        """Return the batch with new samples in its free rows, or a new batch."""
        import torch

        prompts = list(dict.fromkeys(sample.prompt for sample in new))
        logits, mask, cache = self._prefill(prompts)
        owners = torch.tensor([prompts.index(sample.prompt) for sample in new], device=mask.device)
        cache.batch_select_indices(owners)
        chances = [np.random.default_rng(sample.seed).random(sample.sampler.max_tokens) for sample in new]
        fresh = DecodingBatch(
            [*new], [[] for _ in new], chances, logits[owners], mask[owners], cache, [[] for _ in new]
        )
        if batch is None:
            kv_cache.reserve_columns(cache)
            return fresh
        batch.add_rows(fresh, max_rows=max_rows)
        batch.trim_columns()
        return batch

    def _decode_step(self, batch: DecodingBatch) -> list[tuple[SampleToDraw, DecodedAnswer]]:
        """Draw one token for every row, and return the samples that it completed."""
        import torch

        chance = [
            chances[len(tokens)] if row else 0.0
            for row, tokens, chances in zip(batch.rows, batch.tokens, batch.chances, strict=True)
        ]
        samplers = [row.sampler if row else None for row in batch.rows]
        next_tokens = sample_tokens(batch.logits, samplers, torch.tensor(chance, device=batch.logits.device))
        if self.logprobs:
            _append_logprobs(batch, samplers, next_tokens)
        completed: list[tuple[SampleToDraw, DecodedAnswer]] = []
        for i, (row, token) in enumerate(zip(batch.rows, next_tokens.tolist(), strict=True)):
            if row is None:
                continue
            batch.tokens[i].append(token)
            is_closed = self.is_complete(batch.tokens[i], row.sampler)
            if is_closed or len(batch.tokens[i]) == row.sampler.max_tokens:
                logprobs = tuple(batch.logprobs[i]) if self.logprobs else None
                completed.append(
                    (row, DecodedAnswer(tuple(batch.tokens[i]), "stop" if is_closed else "length", logprobs))
                )
                batch.clear_row(i)
        if any(batch.rows):
            live = batch.mask.new_tensor([[row is not None] for row in batch.rows])
            batch.mask = torch.cat([batch.mask, live], dim=1)
            batch.logits = self._forward(next_tokens[:, None], batch.mask, batch.cache)
        return completed

    def _prefill(self, prompts: Sequence[Sequence[int]]) -> tuple[Any, Any, Any]:
        """Return next-token logits (p, V), mask (p, L) and cache of p prompts; their common prefix is computed once."""
        import torch

        shared = common_prefix(prompts)[: min(map(len, prompts)) - 1]  # one token at least stays, to give the logits
        cache = self._load_prefix(shared)
        cache.batch_repeat_interleave(len(prompts))
        tails = [tuple(prompt[len(shared) :]) for prompt in prompts]
        width = max(map(len, tails))
        # padded on the left
        ids = torch.tensor([(0,) * (width - len(tail)) + tail for tail in tails], device=self.model.device)
        real = torch.tensor([[0] * (width - len(tail)) + [1] * len(tail) for tail in tails], device=self.model.device)
        mask = torch.cat([real.new_ones(len(tails), len(shared)), real], dim=1)
        return self._forward(ids, mask, cache), mask, cache

    def _load_prefix(self, shared: tuple[int, ...]) -> Any:
        """Return a cache of the shared tokens that the caller may change; only what the kept one lacks is computed."""
        import torch
        from transformers.cache_utils import DynamicCache

        common = common_prefix([shared, self.prefix])
        cache = copy.deepcopy(self.cache)
        if common and cache is not None and kv_cache.keeps_every_column(cache):
            cache.crop(len(common) - len(self.prefix))
        else:  # a sliding window or a recurrent state cannot go back
            common, cache = (), DynamicCache(config=self.model.config)
        if len(shared) > len(common):
            ids = torch.tensor([shared[len(common) :]], device=self.model.device)
            self._forward(ids, ids.new_ones(1, len(shared)), cache)
        self.prefix, self.cache = shared, cache
        return copy.deepcopy(cache)

    def _forward(self, ids: Any, mask: Any, cache: Any) -> Any:
        """Return the logits after the last column, (rows, V); the cache grows by the columns of `ids`."""
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        output = self.model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return output.logits[:, -1]


def _append_logprobs(batch: DecodingBatch, samplers: Sequence[SamplingConfig | None], next_tokens: Any) -> None:
    """Append the log-probability of each row's next token at its sampler's temperature."""
    import torch

    temperatures = [[sampler.temperature or 1.0 if sampler else 1.0] for sampler in samplers]
    scaled = batch.logits.float() / batch.logits.new_tensor(temperatures).float()
    values = torch.log_softmax(scaled, dim=-1).gather(1, next_tokens[:, None])[:, 0]  # (r,)
    for logprobs, value in zip(batch.logprobs, values.tolist(), strict=True):
        logprobs.append(value)


def _has_room(batch: DecodingBatch, max_rows: int) -> bool:
    return (max_rows - batch.live) * FREE_ROWS >= max_rows and kv_cache.keeps_every_column(batch.cache)


def _compact_rows(batch: DecodingBatch, *, is_idle: bool) -> DecodingBatch | None:
    """Return the batch without its empty rows, where no sample waits for them and they are a quarter or more.

    None where no row is left.
    """
    if not any(batch.rows):
        return None
    if (is_idle or not kv_cache.keeps_every_column(batch.cache)) and len(batch.free) * 4 >= len(batch.rows):
        batch.select_rows([i for i, row in enumerate(batch.rows) if row])
    return batch


def common_prefix(rows: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Return the longest prefix that all rows share.

    >>> common_prefix([(1, 2, 3), (1, 2, 4, 5)]), common_prefix([(1, 2)]), common_prefix([(1,), ()])
    ((1, 2), (1, 2), ())
    """
    first, last = min(map(tuple, rows)), max(map(tuple, rows))  # in order, only the outermost two can differ earliest
    length = next(
        (i for i, (token, other) in enumerate(zip(first, last, strict=False)) if token != other),
        min(len(first), len(last)),
    )
    return first[:length]
