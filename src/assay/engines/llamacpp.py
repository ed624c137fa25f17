"""Run llama.cpp in this process: it reads a GGUF file, needs no torch, and shares a prompt among its samples."""

import http.client
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar

from assay.core.errors import ConfigError, EngineError, require
from assay.core.types import Finish, Policy, Request, Rollout, SamplingConfig
from assay.engines.models import registry

FINISHES: dict[str, Finish] = {"eos": "stop", "word": "stop", "limit": "length"}
PINNED = 0  # the slot that keeps the last prompt, so that a few-shot prefix is computed once per run


@dataclass(frozen=True)
class Llamacpp:
    """Sample rollouts from llama.cpp, one problem at a time and up to `slots` samples of it at once.

    Missing samples with consecutive indices are the choices of one call: choice i has the seed `seed_of(first) + i`,
    which is that sample's own seed. A sample that is drawn alone therefore uses the same random numbers as one that is
    drawn with others. Texts repeat for the same calls in the same order on the same machine. Another number of slots,
    threads or cached tokens changes the rounding of floats, which may change a text where two tokens are nearly tied;
    nothing stronger is promised.

    Temperature is applied before top-k and top-p, as in transformers and vLLM; llama.cpp's own default is the reverse.
    """

    keeps_tokens: ClassVar[bool] = True
    model: str = "smollm2-135m-instruct"  # a name in the catalogue, or a .gguf file
    revision: str = ""  # of a hub model; a GGUF has none
    slots: int = 8  # samples at once: more is faster and takes memory
    threads: int = 0  # 0 = every core that this process may use
    context: int = 2048  # tokens per slot, prompt and answer together
    device: str = "auto"  # cpu, or auto = a GPU where the installed build has one

    def __post_init__(self) -> None:
        if self.slots < 1 or self.context < 1 or self.threads < 0:
            raise ValueError(
                f"slots {self.slots} and context {self.context} must be at least 1, threads {self.threads} at least 0"
            )
        if self.device not in ("auto", "cpu"):
            raise ValueError(f"device {self.device!r} must be 'auto' or 'cpu'")

    @property
    def policy(self) -> Policy:
        """Return the model's name and the revision of its weights; nothing is loaded."""
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
            yield tuple(self._sample_request(request, policy))

    def count_tokens(self, request: Request) -> int:
        """Count the prompt tokens of one request, with the chat template applied once."""
        return len(self._encode_prompt(request))

    def show(self, request: Request) -> str:
        """Return the prompt exactly as the model reads it, with special tokens written out."""
        return str(self._server.post("/detokenize", {"tokens": self._encode_prompt(request)})["content"])

    def close(self) -> None:
        """Unload the model; the next call loads it again."""
        self.__dict__.pop("_server", None)

    @cached_property
    def _server(self) -> "_Server":
        return _Server(self)

    @cached_property
    def _bos(self) -> tuple[int, ...]:
        text = self._server.get("/props").get("bos_token", "")
        return tuple(self._server.tokenize(text, special=False)) if text else ()

    def _encode_prompt(self, request: Request) -> list[int]:
        messages = [message._asdict() for message in request.messages]
        body = {"messages": messages, "chat_template_kwargs": json.loads(request.sampler.chat_template_args)}
        prompt = self._server.post("/apply-template", body)["prompt"]
        prefix_tokens = list(request.prefix_tokens or ())
        text = prompt if prefix_tokens else prompt + request.prefix
        return drop_doubled_bos(self._server.tokenize(text, special=True), self._bos) + prefix_tokens

    def _encode_prompt_or_empty(self, request: Request) -> list[int]:
        """Return the prompt; [] where the chat template refuses the messages, which fails only these samples."""
        try:
            return self._encode_prompt(request)
        except _CallRefused:
            return []

    def _sample_request(self, request: Request, policy: Policy) -> Iterator[Rollout]:
        cap = request.sampler.max_tokens
        if cap >= self.context:
            raise ConfigError(
                f"max_tokens {cap} does not fit into a context of {self.context} tokens; lower max_tokens or raise "
                "policy.settings.context"
            )
        prompt = self._encode_prompt_or_empty(request)
        name, length = "llamacpp", len(prompt)
        if not prompt or length + cap > self.context:  # an answer cut by the context would look like one cut by the cap
            for sample in request.samples:
                yield Rollout.of(
                    request, sample, policy=policy, engine=name, text="", tokens=0, finish="error", prompt_tokens=length
                )
            return
        for run in split_into_runs(request.samples, self.slots):
            for sample, choice in zip(run, self._draw_choices(request, prompt, run), strict=True):
                yield Rollout.of(
                    request,
                    sample,
                    policy=policy,
                    engine=name,
                    text=(request.prefix if request.prefix_tokens else "") + choice["content"],
                    tokens=choice["tokens_predicted"],
                    finish=FINISHES.get(choice["stop_type"], "error"),
                    prompt_tokens=length,
                    token_ids=tuple(choice.get("tokens", ())) or None,
                    stopped={"word": choice.get("stopping_word"), "eos": ""}.get(choice["stop_type"]),
                )

    def _draw_choices(self, request: Request, prompt: list[int], run: tuple[int, ...]) -> list[dict[str, Any]]:
        body = _sampling_body(request.sampler) | {"prompt": prompt, "seed": request.seed_of(run[0]), "n_cmpl": len(run)}
        response = self._server.post("/completion", body)
        choices = sorted(response if isinstance(response, list) else [response], key=lambda choice: choice["index"])
        if len(choices) != len(run):
            raise EngineError(f"problem {request.problem_id}: {len(choices)} choices for {len(run)} samples")
        return choices


def split_into_runs(samples: Sequence[int], max_size: int) -> list[tuple[int, ...]]:
    """Split ascending sample indices where one is missing, and after every `max_size` of them.

    >>> split_into_runs((0, 1, 2, 5, 6), 2)
    [(0, 1), (2,), (5, 6)]
    """
    ends = [i + 1 for i, (before, after) in enumerate(pairwise(samples)) if after != before + 1]
    runs = [samples[start:end] for start, end in pairwise([0, *ends, len(samples)])]
    return [tuple(run[start : start + max_size]) for run in runs for start in range(0, len(run), max_size)]


def drop_doubled_bos(tokens: list[int], bos: tuple[int, ...]) -> list[int]:
    """Return prompt tokens with the opening token at most once: both a template and a tokenizer may add it.

    >>> drop_doubled_bos([1, 1, 7], (1,)), drop_doubled_bos([1, 7], (1,)), drop_doubled_bos([7, 7], ())
    ([1, 7], [1, 7], [7, 7])
    """
    width = len(bos)
    doubled = width and tuple(tokens[: 2 * width]) == bos * 2
    return tokens[width:] if doubled else tokens


def _sampling_body(sampler: SamplingConfig) -> dict[str, Any]:
    """Return the sampling settings under llama.cpp's names; everything that is not named here is switched off."""
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
        "return_tokens": True,
        "cache_prompt": True,
    }


def _count_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _CallRefused(EngineError):
    """The server is alive and refuses a call."""


class _Server:
    """A running llama.cpp at a private address of this machine; it stops when nothing refers to it any more."""

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
                f"llama.cpp could not load {settings.model.path!r} with {engine.slots} slots of {engine.context} tokens"
            ) from error
        self._address = self._server.listening_address.removeprefix("http://")

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        """Return the token ids of a text, in which special tokens count as such.

        Args:
            special: whether the model's own opening token is added.
        """
        response = self.post("/tokenize", {"content": text, "add_special": special, "parse_special": True})
        return [int(token) for token in response["tokens"]]

    def get(self, path: str) -> Any:
        """Return the JSON at a path."""
        return self._call("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Return the JSON with which a path answers."""
        return self._call("POST", path, json.dumps(body))

    def _call(self, method: str, path: str, body: str | None) -> Any:
        # http.client: no proxy from the environment, no time limit, and signals are handled while it waits
        connection = http.client.HTTPConnection(self._address)
        try:
            connection.request(
                method, path, body, {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}
            )
            response = connection.getresponse()
            status, text = response.status, response.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise EngineError(f"llama.cpp at {path}: {error!r}") from error
        finally:
            connection.close()
        if status != http.client.OK:
            raise _CallRefused(f"llama.cpp at {path}: status {status}: {text[:300]}")
        return json.loads(text)
