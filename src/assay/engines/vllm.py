"""vLLM in this process: many samples at once, a prompt's keys and values shared among them, several GPUs where asked."""

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any

from assay.core.errors import EngineError, require
from assay.core.types import Finish, Policy, Request, Rollout
from assay.engines.models import registry
from assay.engines.requests import prompts
from assay.engines.requests.order import collect_in_order, take_ready

FINISHES: dict[str | None, Finish] = {"stop": "stop", "length": "length"}
TICK_S = 1.0  # between two looks of a caller who wants to stop
Flight = tuple[Request, int, int]  # request, sample, prompt tokens


@dataclass(frozen=True)
class Vllm:
    """Rollouts from vLLM, one engine request a sample, `ahead` of them in its queue.

    Each is yielded when it is complete.

    The prefix cache computes the prompt of a problem once for its samples, and few-shot examples once for all. With
    `seeded` each sample has its own seed, as in the other local engines, and the sampler is slower; without, the
    recorded seed is -1.
    """

    model: str = "smollm2-135m-instruct"  # of the catalogue, a folder, or a hub id
    revision: str = ""  # of a hub model: branch, tag or commit
    tensor_parallel_size: int = 1  # GPUs that share the model
    context: int = 4096  # tokens of prompt and answer together
    memory: float = 0.9  # (0, 1], share of a GPU's memory that vLLM takes, or of a CPU's; it must be free
    dtype: str = "auto"  # auto, float32, bfloat16, float16
    eager: bool = False  # nothing is compiled: starts a minute or two sooner, generates slower
    seeded: bool = False
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
        """The model's name and the revision of its weights; nothing is loaded."""
        return registry.identify_policy(self.model, self.revision)

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[Rollout, ...]]:
        """Yield one tuple of rollouts per request, in order.

        A prompt that the chat template refuses, or that leaves no room for the whole answer, has finish "error".

        Raises:
            ConfigError: the model has no chat template, or the extra `vllm` is missing.
            EngineError: vLLM cannot start; its own log says why.
        """
        return collect_in_order(requests, self.arrivals(requests), revision=self.policy.revision)

    def arrivals(self, requests: Iterable[Request | None]) -> Iterator[tuple[Rollout, ...]]:
        """Every sample once, as it is complete (`core.ports.StreamingEngine`)."""
        policy = self.policy
        waiting = self._waiting(requests)
        flying: dict[str, Flight] = {}
        numbers, looked = count(), time.monotonic()
        try:
            while True:
                taken, ended = take_ready(waiting, max(0, self.ahead - len(flying)))
                done = self._start(taken, numbers, flying, policy)
                if ended and not flying and not done:
                    return
                done += self._step(flying, policy)
                if done or not flying or time.monotonic() - looked > TICK_S:
                    yield tuple(done)
                    looked = time.monotonic()
        finally:
            if flying:
                self._llm.llm_engine.abort_request(list(flying))

    def count_tokens(self, request: Request) -> int:
        """Count the prompt tokens of one request, chat template applied once."""
        return len(self._prompt(request))

    def show(self, request: Request) -> str:
        """Return the prompt exactly as the model reads it, special tokens written out."""
        return str(
            self._tokenizer.decode(self._prompt(request), skip_special_tokens=False, clean_up_tokenization_spaces=False)
        )

    def cut(self, text: str, tokens: int) -> str:
        """The text's first `tokens` tokens as text; loads the tokenizer only."""
        ids = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return (
            str(self._tokenizer.decode(ids[:tokens], skip_special_tokens=True, clean_up_tokenization_spaces=False))
            if len(ids) > tokens
            else text
        )

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
                f"vLLM cannot start {self.model!r} with context {self.context} and memory {self.memory}: {words}"
            ) from error

    def _prompt(self, request: Request) -> list[int]:
        return list(prompts.encode_prompt(self._tokenizer, request))

    def _waiting(self, requests: Iterable[Request | None]) -> Iterator[tuple[Request, int, list[int]] | None]:
        for request in requests:
            if request is None:
                yield None
            else:
                prompt = list(prompts.encode_prompt_or_empty(self._tokenizer, request))
                yield from ((request, sample, prompt) for sample in request.samples)

    def _start(
        self,
        asked: Iterable[tuple[Request, int, list[int]]],
        numbers: Iterator[int],
        flying: dict[str, Flight],
        policy: Policy,
    ) -> list[Rollout]:
        """Hands samples to vLLM; those without a prompt or without room come back at once."""
        refused = []
        for request, sample, prompt in asked:
            if not prompt or len(prompt) + request.sampler.max_tokens > self.context:
                refused.append(
                    Rollout.of(
                        request,
                        sample,
                        policy=policy,
                        engine="vllm",
                        text="",
                        tokens=0,
                        finish="error",
                        prompt_tokens=len(prompt),
                        seed=self._seed(request, sample),
                    )
                )
                continue
            key = f"assay-{next(numbers)}"
            self._llm.llm_engine.add_request(key, {"prompt_token_ids": prompt}, self._parameters(request, sample))
            flying[key] = (request, sample, len(prompt))
        return refused

    def _step(self, flying: dict[str, Flight], policy: Policy) -> list[Rollout]:
        """One step of all that runs; the samples that it completed."""
        if not flying:
            return []
        ended = [output for output in self._llm.llm_engine.step() if output.finished]
        return [self._rollout(*flying.pop(output.request_id), policy, output.outputs[0]) for output in ended]

    def _rollout(self, request: Request, sample: int, length: int, policy: Policy, output: Any) -> Rollout:
        finish = FINISHES.get(output.finish_reason, "error")
        chosen = [place[token].logprob for place, token in zip(output.logprobs or (), output.token_ids, strict=False)]
        return Rollout.of(
            request,
            sample,
            policy=policy,
            engine="vllm",
            text=output.text,
            tokens=len(output.token_ids),
            finish=finish,
            prompt_tokens=length,
            seed=self._seed(request, sample),
            logprobs=tuple(chosen) if self.logprobs else None,
            fault=f"vLLM ended the sample with {output.finish_reason!r}" if finish == "error" else "",
            stopped=(output.stop_reason if isinstance(output.stop_reason, str) else "") if finish == "stop" else None,
        )

    def _parameters(self, request: Request, sample: int) -> Any:
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

    def _seed(self, request: Request, sample: int) -> int:
        return request.seed_of(sample) if self.seeded else -1
