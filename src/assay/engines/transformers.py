"""Run an ordinary transformers checkpoint: the reference engine, which computes a prompt once for all its samples."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from assay.core.errors import require
from assay.core.types import Finish, Policy, Request, Rollout, SamplingConfig
from assay.engines.hf import continuous_batching
from assay.engines.models import registry
from assay.engines.requests import prompts
from assay.engines.requests.order import collect_in_order
from assay.engines.requests.stop_strings import cut_at_stop

TICK_S = 1.0  # an empty tuple is yielded so often, so that the caller can stop
TAIL = 8  # tokens beyond a stop string's characters that are decoded to search for it


@dataclass(frozen=True)
class Transformers:
    """Sample rollouts from a transformers model, `batch_size` samples at once, of as many problems as that takes.

    A sample that ends makes room for the next, and is yielded while longer ones continue.

    Each sample draws its tokens by inverting the distribution at numbers from its own generator, seeded with
    `seed_of(sample)`: drawn alone, with others or in another order, it uses the same numbers. Texts repeat exactly for
    the same calls in the same order on the same machine with the same number of threads. Another batch changes the
    rounding of floats, which may change a text where two tokens are nearly tied; nothing stronger is promised.
    """

    keeps_tokens: ClassVar[bool] = True
    model: str = "smollm2-135m-instruct"  # a name in the catalogue, a folder, or a hub id
    revision: str = ""  # of a hub model: branch, tag or commit
    batch_size: int = 32  # samples at once: more is faster and takes memory
    device: str = "auto"  # auto = cuda where torch sees one, else cpu
    dtype: str = "auto"  # auto = float32 on a cpu, else bfloat16
    logprobs: bool = False  # keep each token's log-probability at the sampler's temperature, before top-k and top-p

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, found {self.batch_size}")
        if self.dtype not in ("auto", "float32", "bfloat16", "float16"):
            raise ValueError(f"dtype {self.dtype!r} must be 'auto', 'float32', 'bfloat16' or 'float16'")

    @property
    def policy(self) -> Policy:
        """Return the model's name and the revision of its weights; nothing is loaded."""
        return registry.identify_policy(self.model, self.revision)

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[Rollout, ...]]:
        """Yield one tuple of rollouts per request, in order.

        A prompt that the chat template refuses, or that leaves no room for the whole answer, has finish "error".

        Raises:
            ConfigError: the model has no chat template, or lacks an extra.
        """
        return collect_in_order(requests, self.stream(requests), revision=self.policy.revision)

    def stream(self, requests: Iterable[Request | None]) -> Iterator[tuple[Rollout, ...]]:
        """Yield every sample once, as soon as it is complete (`core.ports.StreamingEngine`).

        Samples of different samplers are drawn together.
        """
        policy, refusals = self.policy, list[Rollout]()
        rows, yielded_s = self._queue_samples(requests, policy, refusals), time.monotonic()
        for completed, n_live in self._decoder.decode(rows, max_rows=self.batch_size):
            if completed or refusals or not n_live or time.monotonic() - yielded_s > TICK_S:
                yield (
                    *refusals,
                    *(self._build_rollout(row.key, policy, len(row.prompt), answer) for row, answer in completed),
                )
                refusals.clear()
                yielded_s = time.monotonic()
        if refusals:
            yield tuple(refusals)

    def count_tokens(self, request: Request) -> int:
        """Count the prompt tokens of one request, with the chat template applied once."""
        return len(self._encode_prompt(request))

    def show(self, request: Request) -> str:
        """Return the prompt exactly as the model reads it, with special tokens written out."""
        return prompts.decode_prompt(self._tokenizer, self._encode_prompt(request))

    def truncate(self, text: str, tokens: int) -> str:
        """Return the first `tokens` tokens of a text as text; only the tokenizer is loaded."""
        return prompts.truncate_text(self._tokenizer, text, tokens)

    def close(self) -> None:
        """Unload the model; the next call loads it again."""
        self.__dict__.pop("_decoder", None)
        self.__dict__.pop("_tokenizer", None)

    @cached_property
    def _tokenizer(self) -> Any:
        registry.share_cores()
        return prompts.load_tokenizer(registry.find_checkpoint(self.model, self.revision), self.model, extra="train")

    @cached_property
    def _decoder(self) -> continuous_batching.Decoder:
        registry.share_cores()
        torch, transformers = require("torch", extra="train"), require("transformers", extra="train")
        device = ("cuda" if torch.cuda.is_available() else "cpu") if self.device == "auto" else self.device
        precision = ("float32" if device == "cpu" else "bfloat16") if self.dtype == "auto" else self.dtype
        folder = registry.find_checkpoint(self.model, self.revision)
        with registry.hide_progress_bars():
            model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, precision))
        return continuous_batching.Decoder(model.to(device).eval(), self._is_complete, logprobs=self.logprobs)

    @cached_property
    def _closing_tokens(self) -> frozenset[int]:
        eos = self._decoder.model.generation_config.eos_token_id
        tokens = eos if isinstance(eos, list) else [eos]
        return frozenset(token for token in [*tokens, self._tokenizer.eos_token_id] if token is not None)

    def _encode_prompt(self, request: Request) -> tuple[int, ...]:
        return prompts.encode_prompt(self._tokenizer, request)

    def _queue_samples(
        self, requests: Iterable[Request | None], policy: Policy, refusals: list[Rollout]
    ) -> Iterator[continuous_batching.SampleToDraw | None]:
        """Yield the samples to draw; None is passed on.

        A sample without a prompt, or without room for its answer, is added to `refusals` instead.
        """
        for request in requests:
            if request is None:
                yield None
                continue
            prompt = prompts.encode_prompt_or_empty(self._tokenizer, request)
            if self._fits(prompt, request.sampler):
                yield from (
                    continuous_batching.SampleToDraw(
                        (request, sample), prompt, request.seed_of(sample), request.sampler
                    )
                    for sample in request.samples
                )
            else:
                none = continuous_batching.DecodedAnswer((), "error")
                refusals += [
                    self._build_rollout((request, sample), policy, len(prompt), none) for sample in request.samples
                ]

    def _build_rollout(
        self, key: tuple[Request, int], policy: Policy, length: int, answer: continuous_batching.DecodedAnswer
    ) -> Rollout:
        request, sample = key
        text, stopped = self._decode_text((*(request.prefix_tokens or ()), *answer.tokens), request.sampler)
        finish: Finish = "stop" if stopped else answer.finish  # a stop string may begin in what is continued
        return Rollout.of(
            request,
            sample,
            policy=policy,
            engine="transformers",
            text=text,
            tokens=len(answer.tokens),
            finish=finish,
            prompt_tokens=length,
            logprobs=answer.logprobs,
            token_ids=tuple(answer.tokens),
            stopped=stopped if finish == "stop" else None,
        )

    def _fits(self, prompt: Sequence[int], sampler: SamplingConfig) -> bool:
        limit = getattr(self._decoder.model.config.get_text_config(), "max_position_embeddings", None)
        return bool(prompt) and (limit is None or len(prompt) + sampler.max_tokens <= limit)

    def _decode_text(self, tokens: Sequence[int], sampler: SamplingConfig) -> tuple[str, str]:
        """Return the text before the first stop string, and that stop string."""
        text = str(self._tokenizer.decode(list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False))
        return cut_at_stop(text, sampler.stop)

    def _is_complete(self, tokens: Sequence[int], sampler: SamplingConfig) -> bool:
        if tokens[-1] in self._closing_tokens:
            return True
        if not sampler.stop:
            return False
        tail = self._tokenizer.decode(list(tokens[-max(map(len, sampler.stop)) - TAIL :]), skip_special_tokens=True)
        return any(stop in tail for stop in sampler.stop)
