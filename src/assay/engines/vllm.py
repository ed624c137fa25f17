"""Run vLLM in this process: many samples at once, prompts shared among samples, several GPUs where configured."""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any, ClassVar

from assay.core.errors import EngineError, require
from assay.core.types import Finish, Policy, Request, Rollout
from assay.engines.models import registry
from assay.engines.requests import prompts
from assay.engines.requests.order import collect_in_order, take_ready
from assay.engines.requests.stop_strings import cut_at_stop

FINISHES: dict[str | None, Finish] = {"stop": "stop", "length": "length"}
TICK_S = 1.0  # an empty tuple is yielded so often, so that the caller can stop
Flight = tuple[Request, int, int]  # request, sample, prompt tokens


@dataclass(frozen=True)
class Vllm:
    """Sample rollouts from vLLM, one engine request per sample, with up to `ahead` samples in its queue.

    Each sample is yielded when it is complete. The prefix cache computes a problem's prompt once for its samples, and
    few-shot examples once for all problems. With `seeded` each sample has its own seed, as in the other local engines,
    and sampling is slower; without, the recorded seed is -1.
    """

    keeps_tokens: ClassVar[bool] = True
    model: str = "smollm2-135m-instruct"  # a name in the catalogue, a folder, or a hub id
    revision: str = ""  # of a hub model: branch, tag or commit
    tensor_parallel_size: int = 1  # GPUs that share the model
    context: int = 4096  # tokens of prompt and answer together
    memory: float = 0.9  # (0, 1], share of the GPU's (or CPU's) memory that vLLM takes; it must be free
    dtype: str = "auto"  # auto, float32, bfloat16, float16
    eager: bool = False  # True: nothing is compiled; starts a minute or two sooner, generates slower
    seeded: bool = False  # True: each sample has its own seed
    logprobs: bool = False  # keep the log-probability of each token
    ahead: int = 2048  # samples handed to vLLM at once; it runs as many of them as fit

    def __post_init__(self) -> None:
        if self.tensor_parallel_size < 1 or self.context < 2 or self.ahead < 1 or not 0 < self.memory <= 1:
            raise ValueError(
                f"tensor_parallel_size {self.tensor_parallel_size} and ahead {self.ahead} must be at least 1, "
                f"context {self.context} at least 2, memory {self.memory} in (0, 1]"
            )

    @property
    def policy(self) -> Policy:
        """Return the model's name and the revision of its weights; nothing is loaded."""
        return registry.identify_policy(self.model, self.revision)

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[Rollout, ...]]:
        """Yield one tuple of rollouts per request, in order.

        A prompt that the chat template refuses, or that leaves no room for the whole answer, has finish "error".

        Raises:
            ConfigError: the model has no chat template, or the extra `vllm` is missing.
            EngineError: vLLM could not start; its own log says why.
        """
        return collect_in_order(requests, self.stream(requests), revision=self.policy.revision)

    def stream(self, requests: Iterable[Request | None]) -> Iterator[tuple[Rollout, ...]]:
        """Yield every sample once, as soon as it is complete (`core.ports.StreamingEngine`)."""
        policy = self.policy
        queue = self._queue_samples(requests)
        in_flight: dict[str, Flight] = {}
        numbers, yielded_s = count(), time.monotonic()
        try:
            while True:
                samples, is_last = take_ready(queue, max(0, self.ahead - len(in_flight)))
                completed = self._submit_samples(samples, numbers, in_flight, policy)
                if is_last and not in_flight and not completed:
                    return
                completed += self._run_step(in_flight, policy)
                if completed or not in_flight or time.monotonic() - yielded_s > TICK_S:
                    yield tuple(completed)
                    yielded_s = time.monotonic()
        finally:
            if in_flight:
                self._llm.llm_engine.abort_request(list(in_flight))

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
        if (llm := self.__dict__.pop("_llm", None)) is not None:
            llm.llm_engine.engine_core.shutdown()
        self.__dict__.pop("_tokenizer", None)

    @cached_property
    def _tokenizer(self) -> Any:
        return prompts.load_tokenizer(registry.find_checkpoint(self.model, self.revision), self.model, extra="vllm")

    @cached_property
    def _llm(self) -> Any:
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
        vllm = require("vllm", extra="vllm")
        try:
            return vllm.LLM(
                model=str(registry.find_checkpoint(self.model, self.revision)),
                tensor_parallel_size=self.tensor_parallel_size,
                dtype=self.dtype,
                max_model_len=self.context,
                gpu_memory_utilization=self.memory,
                enforce_eager=self.eager,
                enable_prefix_caching=True,
            )
        except (RuntimeError, ValueError) as error:
            words = " ".join(str(error).split())[:300]
            raise EngineError(
                f"vLLM could not start {self.model!r} with context {self.context} and memory {self.memory}: {words}"
            ) from error

    def _encode_prompt(self, request: Request) -> list[int]:
        return list(prompts.encode_prompt(self._tokenizer, request))

    def _queue_samples(self, requests: Iterable[Request | None]) -> Iterator[tuple[Request, int, list[int]] | None]:
        for request in requests:
            if request is None:
                yield None
            else:
                prompt = list(prompts.encode_prompt_or_empty(self._tokenizer, request))
                yield from ((request, sample, prompt) for sample in request.samples)

    def _submit_samples(
        self,
        samples: Iterable[tuple[Request, int, list[int]]],
        numbers: Iterator[int],
        in_flight: dict[str, Flight],
        policy: Policy,
    ) -> list[Rollout]:
        """Hand samples to vLLM; return the refused ones: without a prompt, or without room for their answer."""
        refusals = []
        for request, sample, prompt in samples:
            if not prompt or len(prompt) + request.sampler.max_tokens > self.context:
                refusals.append(
                    Rollout.of(
                        request,
                        sample,
                        policy=policy,
                        engine="vllm",
                        text="",
                        tokens=0,
                        finish="error",
                        prompt_tokens=len(prompt),
                        seed=self._choose_seed(request, sample),
                    )
                )
                continue
            key = f"assay-{next(numbers)}"
            self._llm.llm_engine.add_request(key, {"prompt_token_ids": prompt}, self._sampling_params(request, sample))
            in_flight[key] = (request, sample, len(prompt))
        return refusals

    def _run_step(self, in_flight: dict[str, Flight], policy: Policy) -> list[Rollout]:
        """Run one step of all samples in flight, and return those that it completed."""
        if not in_flight:
            return []
        outputs = [output for output in self._llm.llm_engine.step() if output.finished]
        return [self._build_rollout(*in_flight.pop(output.request_id), policy, output.outputs[0]) for output in outputs]

    def _build_rollout(self, request: Request, sample: int, length: int, policy: Policy, output: Any) -> Rollout:
        finish, text = FINISHES.get(output.finish_reason, "error"), output.text
        if request.prefix_tokens is not None:
            whole = self._tokenizer.decode([*request.prefix_tokens, *output.token_ids], skip_special_tokens=True)
            text, cut_text = cut_at_stop(whole, request.sampler.stop)
            finish = "stop" if cut_text and finish == "length" else finish
        logprobs = [place[token].logprob for place, token in zip(output.logprobs or (), output.token_ids, strict=False)]
        return Rollout.of(
            request,
            sample,
            policy=policy,
            engine="vllm",
            text=text,
            tokens=len(output.token_ids),
            finish=finish,
            prompt_tokens=length,
            seed=self._choose_seed(request, sample),
            logprobs=tuple(logprobs) if self.logprobs else None,
            token_ids=tuple(output.token_ids),
            fault=f"vLLM ended the sample with {output.finish_reason!r}" if finish == "error" else "",
            stopped=(output.stop_reason if isinstance(output.stop_reason, str) else "") if finish == "stop" else None,
        )

    def _sampling_params(self, request: Request, sample: int) -> Any:
        vllm, sampler = require("vllm", extra="vllm"), request.sampler
        return vllm.SamplingParams(
            temperature=sampler.temperature,
            top_p=sampler.top_p,
            top_k=sampler.top_k,
            max_tokens=sampler.max_tokens,
            stop=list(sampler.stop) or None,
            seed=request.seed_of(sample) if self.seeded else None,
            logprobs=0 if self.logprobs else None,
            output_kind=vllm.sampling_params.RequestOutputKind.FINAL_ONLY,
        )

    def _choose_seed(self, request: Request, sample: int) -> int:
        return request.seed_of(sample) if self.seeded else -1
