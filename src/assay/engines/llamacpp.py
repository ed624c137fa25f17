"""llama.cpp in this process: reads a GGUF, needs no torch, and shares one prompt among all samples of a problem."""

import http.client
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from assay.core.errors import ConfigError, EngineError, require
from assay.core.types import Finish, Policy, Request, Rollout, SamplingConfig
from assay.engines.models import registry

FINISHES: dict[str, Finish] = {"eos": "stop", "word": "stop", "limit": "length"}
PINNED = 0  # the slot that keeps the last prompt, so that a few-shot prefix is computed once a run


@dataclass(frozen=True)
class Llamacpp:
    """Rollouts from llama.cpp, one problem at a time, up to `slots` samples of it at once.

    Missing samples that follow each other are the choices of one call: choice i has the seed `seed_of(first) + i`,
    which is that sample's own seed, so a sample drawn alone and one drawn in company use the same random numbers.
    Greedy text and sampled text repeat for the same calls in the same order on the same machine. Another number of
    slots, threads or cached tokens changes float rounding in the last bits, and where two tokens are nearly tied that
    may change a text; nothing stronger is promised.

    Temperature comes before top-k and top-p, as in transformers and vLLM; llama.cpp's own default order is the reverse.
    """

    model: str = "smollm2-135m-instruct"  # of the catalogue, or a .gguf file
    revision: str = ""  # of a hub model; a GGUF has none
    slots: int = 8  # samples at once: more is faster and takes memory
    threads: int = 0  # 0 = every core this process may use
    context: int = 2048  # tokens a slot: prompt and answer together
    device: str = "auto"  # cpu, or auto = a GPU where the installed build has one

    def __post_init__(self) -> None:
        if self.slots < 1 or self.context < 1 or self.threads < 0:
            raise ValueError(
                f"slots {self.slots} and context {self.context} must be at least 1, threads {self.threads} at least 0"
            )
        if self.device not in ("auto", "cpu"):
            raise ValueError(f"device {self.device!r} is neither 'auto' nor 'cpu'")

    @property
    def policy(self) -> Policy:
        """The model's name and the revision of its weights; nothing is loaded."""
        return registry.identify_policy(self.model, self.revision)

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[Rollout, ...]]:
        """Yield one tuple of rollouts per request, in order.

        A prompt that the chat template refuses, or that leaves no room for the whole answer, has finish "error".

        Raises:
            ConfigError: the cap alone exceeds the context.
            EngineError: the server refused a call or died.
        """
        policy = self.policy
        for request in requests:
            yield tuple(self._attempt(request, policy))

    def count_tokens(self, request: Request) -> int:
        """Count the prompt tokens of one request, chat template applied once."""
        return len(self._prompt(request))

    def show(self, request: Request) -> str:
        """Return the prompt exactly as the model reads it, special tokens written out."""
        return str(self._server.post("/detokenize", {"tokens": self._prompt(request)})["content"])

    def close(self) -> None:
        """Unload the model; the next call loads it again."""
        self.__dict__.pop("_server", None)

    @cached_property
    def _server(self) -> "_Server":
        return _Server(self)

    @cached_property
    def _bos(self) -> tuple[int, ...]:
        mark = self._server.get("/props").get("bos_token", "")
        return tuple(self._server.tokens(mark, special=False)) if mark else ()

    def _prompt(self, request: Request) -> list[int]:
        messages = [message._asdict() for message in request.messages]
        arguments = json.loads(request.sampler.chat_template_args)
        prompt = self._server.post("/apply-template", {"messages": messages, "chat_template_kwargs": arguments})[
            "prompt"
        ]
        return drop_doubled_bos(self._server.tokens(prompt + request.prefix, special=True), self._bos)

    def _prompt_or_none(self, request: Request) -> list[int]:
        """The prompt, and [] where the chat template refuses the messages.

        An error of these samples and not of the run.
        """
        try:
            return self._prompt(request)
        except _Refused:
            return []

    def _attempt(self, request: Request, policy: Policy) -> Iterator[Rollout]:
        cap = request.sampler.max_tokens
        if cap >= self.context:
            raise ConfigError(
                f"max_tokens {cap} does not fit a context of {self.context} tokens; give the policy a larger `context`"
            )
        prompt = self._prompt_or_none(request)
        name, length = "llamacpp", len(prompt)
        if not prompt or length + cap > self.context:  # an answer cut by the context would pass for one cut by the cap
            for sample in request.samples:
                yield Rollout.of(
                    request, sample, policy=policy, engine=name, text="", tokens=0, finish="error", prompt_tokens=length
                )
            return
        for run in split_into_runs(request.samples, self.slots):
            for sample, choice in zip(run, self._choices(request, prompt, run), strict=True):
                yield Rollout.of(
                    request,
                    sample,
                    policy=policy,
                    engine=name,
                    text=choice["content"],
                    tokens=choice["tokens_predicted"],
                    finish=FINISHES.get(choice["stop_type"], "error"),
                    prompt_tokens=length,
                    stopped={"word": choice.get("stopping_word"), "eos": ""}.get(choice["stop_type"]),
                )

    def _choices(self, request: Request, prompt: list[int], run: tuple[int, ...]) -> list[dict[str, Any]]:
        body = _sampling_body(request.sampler) | {"prompt": prompt, "seed": request.seed_of(run[0]), "n_cmpl": len(run)}
        answer = self._server.post("/completion", body)
        choices = sorted(answer if isinstance(answer, list) else [answer], key=lambda choice: choice["index"])
        if len(choices) != len(run):
            raise EngineError(f"problem {request.problem_id}: {len(choices)} choices for {len(run)} samples")
        return choices


def split_into_runs(samples: Sequence[int], most: int) -> list[tuple[int, ...]]:
    """Ascending sample indices cut where one is missing and after every `most`.

    >>> split_into_runs((0, 1, 2, 5, 6), 2)
    [(0, 1), (2,), (5, 6)]
    """
    ends = [i + 1 for i, (left, right) in enumerate(pairwise(samples)) if right != left + 1]
    runs = [samples[start:end] for start, end in pairwise([0, *ends, len(samples)])]
    return [tuple(run[start : start + most]) for run in runs for start in range(0, len(run), most)]


def drop_doubled_bos(tokens: list[int], bos: tuple[int, ...]) -> list[int]:
    """Prompt tokens that begin with the opening token at most once: a template may write it and a tokenizer add it.

    >>> drop_doubled_bos([1, 1, 7], (1,)), drop_doubled_bos([1, 7], (1,)), drop_doubled_bos([7, 7], ())
    ([1, 7], [1, 7], [7, 7])
    """
    width = len(bos)
    doubled = width and tuple(tokens[: 2 * width]) == bos * 2
    return tokens[width:] if doubled else tokens


def _sampling_body(sampler: SamplingConfig) -> dict[str, Any]:
    """The sampler in llama.cpp's words; everything that is not named here is off."""
    return {
        "n_predict": sampler.max_tokens,
        "temperature": sampler.temperature,
        "top_p": sampler.top_p,
        "top_k": sampler.top_k if sampler.temperature else 1,
        "min_p": 0.0,
        "repeat_penalty": 1.0,
        "samplers": ["temperature", "top_k", "top_p"],
        "stop": list(sampler.stop),
        "id_slot": PINNED,
        "cache_prompt": True,
    }


def _count_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Refused(EngineError):
    """The server lives and will not do what it was asked."""


class _Server:
    """A running llama.cpp with a private address on this machine; it stops when nothing refers to it."""

    def __init__(self, engine: Llamacpp) -> None:
        registry.share_cores()
        xllamacpp = require("xllamacpp", extra="cpu")
        settings = xllamacpp.CommonParams()
        settings.model.path = str(registry.find_gguf(engine.model))
        settings.n_parallel, settings.n_ctx = engine.slots, engine.slots * engine.context
        settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = engine.threads or _count_cores()
        settings.verbosity, settings.ui, settings.warmup = -1, False, False
        settings.cache_ram_mib = 0  # else evicted prompts pile up to 8 GiB
        if engine.device == "cpu":
            settings.n_gpu_layers = 0
        self._key = secrets.token_hex(16)
        settings.api_keys = [self._key]  # the address is open to every program on this machine
        try:
            self._server = xllamacpp.Server(settings)
        except RuntimeError as error:
            raise EngineError(
                f"llama.cpp cannot load {settings.model.path!r} with {engine.slots} slots of {engine.context} tokens"
            ) from error
        self._address = self._server.listening_address.removeprefix("http://")

    def tokens(self, text: str, *, special: bool) -> list[int]:
        """Token ids of a text; special tokens written in it count as such, and `special` adds the model's own opening."""
        answer = self.post("/tokenize", {"content": text, "add_special": special, "parse_special": True})
        return [int(token) for token in answer["tokens"]]

    def get(self, path: str) -> Any:
        """The JSON at a path."""
        return self._call("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """The JSON that a path answers."""
        return self._call("POST", path, json.dumps(body))

    def _call(self, method: str, path: str, body: str | None) -> Any:
        # http.client: no proxy from the environment, no time limit, and a signal is heard while it waits
        line = http.client.HTTPConnection(self._address)
        try:
            line.request(
                method, path, body, {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}
            )
            answer = line.getresponse()
            status, text = answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise EngineError(f"llama.cpp at {path}: {error!r}") from error
        finally:
            line.close()
        if status != http.client.OK:
            raise _Refused(f"llama.cpp at {path}: status {status}: {text[:300]}")
        return json.loads(text)
