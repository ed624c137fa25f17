"""Any OpenAI-compatible server: vLLM, SGLang, llama.cpp, Ollama, a hosted one, or `curate engine serve`."""

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from assay.core.errors import EngineError, PlanError, nearest
from assay.core.identity import content_id
from assay.core.types import Message, Policy, Request, Rollout, Sampler
from assay.engines._crew import as_they_come
from assay.engines._heard import Heard
from assay.engines._http import Broken, Line, Refused
from assay.engines._order import in_order
from assay.engines._servers import Server, Servers, pause

REVISION_CHARS = 16
TICK_S = 1.0  # between two looks of a caller who wants to stop
LEAST_PATIENCE = 3  # failures in a row of a server that is not given up yet
HOLDINGS = (("/props", "total_slots"), ("/get_server_info", "max_running_requests"), ("/server_info", "max_running_requests"))
HELD = 64  # samples at once where a server does not say what it holds
HELD_BY_VLLM = 256  # its default on most GPUs, 1,024 on the largest; it does not say
PROBES = (  # greedy answers to these tell one checkpoint from another
    "What is 17 + 25?",
    "Name the capital of Australia.",
    "Continue: the quick brown fox",
    "Write one sentence about rain.",
    "What comes after Thursday?",
    "Translate to French: good morning.",
    "List three prime numbers.",
    "Why is the sky blue?",
)
PROBE_TOKENS = 16


@dataclass(frozen=True)
class Openai:
    """Rollouts from servers of one model, one sample a request: a dead server costs one sample, and prefix caching covers the prompt.

    The server that is least loaded for its size is asked first. One that answers 429 or 5xx, breaks off, sends no byte for `silence_s`
    or talks nonsense rests for a while that doubles, or for as long as its Retry-After says, and the sample is asked for again, up to
    `retries` times; 429 and 503 do not count. Then it is reported with finish "error" and its `fault`. A request that the server
    refuses, as one that exceeds its context, has finish "error" at once and no fault. When all servers have failed more than `retries`
    times in a row (at least 3), what has arrived is yielded and the run ends.

    The policy's revision is a hash of what the server says it serves (`root`) and its greedy answers to eight fixed prompts. A server
    whose connection broke, or that was silent for a minute, answers them again before it works on; another answer is another
    checkpoint, and ends the run.

    No seed is sent unless `send_seed`: it makes some servers slow and few exact. The recorded seed is then -1.
    """

    model: str = ""  # as the server names it; "" = the only one
    urls: tuple[str, ...] = ("http://127.0.0.1:8000/v1",)
    revision: str = ""  # you vouch for the weights: takes the place of the hash, and no answer is compared
    key_env: str = ""  # name of the environment variable that holds the key; the key itself stands nowhere
    concurrency: int = 0  # samples at once a server; 0 = what it says it holds, 256 for vLLM, else 64
    silence_s: float = 300.0  # without a single byte; raise it where requests queue inside the server
    retries: int = 6  # of a sample
    send_seed: bool = False
    extended: bool = True  # also send top_k, min_p and repetition_penalty, switched off; false where a server refuses keys it does not know
    logprobs: bool = False  # ask for the log-probability of each token

    def __post_init__(self) -> None:
        if not self.urls:
            raise ValueError("no urls")
        for url in self.urls:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError(f"url {url!r} is not of the form http://host:port/v1")
            if parts.username or parts.password:
                raise ValueError(f"the url of {parts.hostname} holds a key; name an environment variable in key_env")
        if self.concurrency < 0 or self.retries < 0 or self.silence_s <= 0:
            raise ValueError(f"concurrency {self.concurrency} and retries {self.retries} must be at least 0, silence_s {self.silence_s} above 0")

    @cached_property
    def policy(self) -> Policy:
        """The model's name and the hash of its identity; asks the servers unless `revision` is given.

        Raises:
            PlanError: the server has no such model, the key is missing or refused.
            EngineError: no server answers.
        """
        if self.revision and self.model:
            return Policy(self.model, self.revision)
        identity = self.identity
        return Policy(self._served, self.revision or content_id("served", identity)[:REVISION_CHARS])

    @cached_property
    def identity(self) -> Mapping[str, str]:
        """`root`, and the greedy answer to each of eight prompts, from the first server that answers."""
        reasons = []
        for server in self._servers.all:
            line = self._line(server.url)
            try:
                found = self._identity(line, server.url)
            except Broken as failure:
                reasons.append(f"{server.url}: {failure}")
            else:
                self._servers.recognised(server)
                return found
            finally:
                line.close()
        raise EngineError(f"no server answers: {'; '.join(reasons)}")

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[Rollout, ...]]:
        """One tuple of rollouts a request, in order; later ones that are complete wait for it. `arrivals` lets nothing wait.

        Raises:
            PlanError: a wrong model or key.
            EngineError: all servers are lost, or one serves another checkpoint.
        """
        return in_order(requests, self.arrivals(requests), revision=self.policy.revision)

    def arrivals(self, requests: Iterable[Request | None]) -> Iterator[tuple[Rollout, ...]]:
        """Every sample once, as it arrives (`core.ports.Streaming`).

        Raises:
            PlanError: a wrong model or key.
            EngineError: all servers are lost, or one serves another checkpoint; what had arrived has been yielded.
        """
        policy, servers = self.policy, self._servers
        asked = (ask for request in requests if not servers.lost for ask in asks(request) if not servers.lost)
        try:
            yield from as_they_come(lambda ask: self._attempt(servers, policy, *ask), asked, size=servers.size, tick_s=TICK_S)
        except (GeneratorExit, EngineError, PlanError):
            self.close()
            raise
        if servers.lost:
            self.close()
            raise EngineError(f"all {len(servers.all)} servers failed more than {servers.patience} times in a row; what had arrived is kept")

    def count_tokens(self, request: Request) -> int:
        """Prompt tokens of one request, as the server counts them; where it cannot count, one token is generated to read its bill."""
        with self._aside() as (line, root):
            told = _asked(line, f"{root}/tokenize", {"model": self._served, **self._chat(request)})
            if isinstance(told.get("count"), int):
                return int(told["count"])
            return self._told(line, {**self._body(request, 0), "max_tokens": 1}).prompt_tokens

    def show(self, request: Request) -> str:
        """The prompt exactly as the model reads it where the server can say; else the chat as it is sent."""
        chat = self._chat(request)
        with self._aside() as (line, root):
            told = _asked(line, f"{root}/tokenize", {"model": self._served, **chat})
            if "prompt" not in told and told.get("tokens"):
                told = _asked(line, f"{root}/detokenize", {"model": self._served, "tokens": told["tokens"]})
            if "prompt" not in told:
                told = _asked(line, f"{root}/apply-template", chat)
        return str(told.get("prompt") or json.dumps(chat["messages"], indent=1, ensure_ascii=False))

    def close(self) -> None:
        """Connections are let go and calls under way cut; the next call opens new ones."""
        if (servers := self.__dict__.pop("_servers", None)) is not None:
            servers.close()

    @cached_property
    def _servers(self) -> Servers:
        servers = [Server(url.rstrip("/"), self.concurrency or self._holds(url.rstrip("/"))) for url in self.urls]
        return Servers(servers, patience=max(self.retries, LEAST_PATIENCE), open_line=self._line)

    @cached_property
    def _served(self) -> str:
        if self.model:
            return self.model
        with self._aside() as (line, _):
            names = [each["id"] for each in line.get(self._path("/models")).get("data", ())]
        if len(names) != 1:
            raise PlanError(
                f"{self.urls[0]} serves {len(names)} models, name one of them in `model`: {', '.join(map(repr, sorted(names))) or 'none'}"
            )
        return str(names[0])

    def _line(self, url: str) -> Line:
        key = os.environ.get(self.key_env, "") if self.key_env else ""
        if self.key_env and not key:
            raise PlanError(f"the environment variable {self.key_env} of key_env is not set")
        return Line(url, key=key, silence_s=self.silence_s)

    def _aside(self) -> "_Aside":
        return _Aside(self)

    def _path(self, path: str, url: str = "") -> str:
        return urlsplit(url or self.urls[0]).path.rstrip("/") + path

    def _holds(self, url: str) -> int:
        """What the server says it holds (llama.cpp's slots, SGLang's running requests), or what its kind does."""
        line, root = self._line(url), urlsplit(url).path.rstrip("/").removesuffix("/v1")
        try:
            for path, name in HOLDINGS:
                held = _asked(line, root + path).get(name)
                if isinstance(held, int) and held > 0:
                    return held
            owners = {str(each.get("owned_by")) for each in _asked(line, self._path("/models", url)).get("data") or ()}
        finally:
            line.close()
        return HELD_BY_VLLM if "vllm" in owners else HELD

    def _identity(self, line: Line, url: str) -> dict[str, str]:
        try:
            models = {each["id"]: each for each in line.get(self._path("/models", url)).get("data", ())}
        except Refused as refusal:
            raise PlanError(f"{url} lists no models: {refusal}; key_env = {self.key_env!r}") from refusal
        if self._served not in models:
            raise PlanError(f"{url} serves no model {self._served!r}; {nearest(self._served, models)}")
        greedy = Sampler(temperature=0.0, max_tokens=PROBE_TOKENS)
        found = {"root": str(models[self._served].get("root") or self._served)}
        for prompt in PROBES:
            request = Request("", (Message("user", prompt),), greedy, (0,), 0)
            try:
                found[prompt] = self._told(line, self._body(request, 0), url).text
            except Refused as refusal:
                raise PlanError(f"{url} refuses a plain request ({refusal}); if it names top_k, min_p or such, set extended = false") from refusal
        return found

    def _told(self, line: Line, body: Mapping[str, Any], url: str = "") -> Heard:
        heard = Heard()
        try:
            for event in line.events(self._path("/chat/completions", url), body):
                heard.take(event)
        except Refused as refusal:
            if refusal.status in (401, 403, 404):
                raise PlanError(f"{url or self.urls[0]}, model {body['model']!r}: {refusal}; key_env = {self.key_env!r}") from refusal
            raise
        return heard.whole()

    def _attempt(self, servers: Servers, policy: Policy, request: Request, sample: int) -> Rollout:
        reason, tries = "all servers are lost", 0
        while tries <= self.retries and (taken := servers.take()):
            server, line = taken
            began = time.monotonic()
            try:
                self._recognise(servers, server, line)
                heard = self._told(line, self._body(request, sample), server.url)
                servers.well(server)
                return self._rollout(request, sample, policy, heard)
            except Refused:
                return self._rollout(request, sample, policy, None)
            except Broken as failure:
                reason = f"{server.url}: {failure}"
                servers.rest(server, failure, began)
                tries += not failure.busy
                wait_s = 0.0 if failure.busy else pause(tries)
            finally:
                servers.give(server, line)
            servers.wait(wait_s)
        return self._rollout(request, sample, policy, None, fault=f"{reason} ({tries} tries)")

    def _recognise(self, servers: Servers, server: Server, line: Line) -> None:
        """A server that is new, whose connection broke or that was silent must be what the others are."""
        if self.revision or not servers.strange(server):
            return
        with server.asking:
            if not servers.strange(server):
                return
            found = self._identity(line, server.url)
            if differing := [name for name, value in self.identity.items() if found[name] != value]:
                first = differing[0]
                raise EngineError(
                    f"{server.url} serves another checkpoint under the name {self._served!r}: {len(differing)} of {len(found)} answers differ, "
                    f"first {first!r}: {found[first]!r}, was {self.identity[first]!r}"
                )
            servers.recognised(server)

    def _rollout(self, request: Request, sample: int, policy: Policy, heard: Heard | None, *, fault: str = "") -> Rollout:
        told = heard or Heard(reason="content_filter", tokens=0)
        return Rollout.of(
            request,
            sample,
            policy=policy,
            engine="openai",
            text=told.text,
            tokens=told.pieces if told.tokens is None else told.tokens,
            finish=told.finish,
            prompt_tokens=told.prompt_tokens,
            seed=request.seed_of(sample) if self.send_seed else -1,
            logprobs=tuple(told.logprobs) if self.logprobs and heard else None,
            fault=fault,
            stopped=told.stopped,
        )

    def _chat(self, request: Request) -> dict[str, Any]:
        chat: dict[str, Any] = {"messages": [message._asdict() for message in request.messages]}
        if arguments := json.loads(request.sampler.chat_template_args):
            chat["chat_template_kwargs"] = arguments
        if request.prefix:
            chat["messages"].append({"role": "assistant", "content": request.prefix})
        if chat["messages"][-1]["role"] == "assistant":  # a begun answer is continued, not closed
            chat |= {"add_generation_prompt": False, "continue_final_message": True}
        return chat

    def _body(self, request: Request, sample: int) -> dict[str, Any]:
        """The request in the server's words; what a server may have defaults of its own for is said."""
        sampler = request.sampler
        body = self._chat(request) | {
            "model": self._served,
            "max_tokens": sampler.max_tokens,
            "temperature": sampler.temperature,
            "top_p": sampler.top_p,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if self.extended:
            body |= {"top_k": sampler.top_k or -1, "min_p": 0.0, "repetition_penalty": 1.0}
        elif sampler.top_k:
            raise PlanError(f"top_k {sampler.top_k} needs `extended`: the plain protocol has no such key")
        optional = {"stop": list(sampler.stop), "seed": self.send_seed and request.seed_of(sample), "logprobs": self.logprobs}
        return body | {name: value for name, value in optional.items() if value}


def asks(request: Request | None) -> Iterator[tuple[Request, int] | None]:
    """Each sample of a request; None for "none yet"."""
    yield from ((request, sample) for sample in request.samples) if request else (None,)


class _Aside:
    """A connection to the first server, for a question beside the work; what fails there is an EngineError."""

    def __init__(self, engine: Openai) -> None:
        self.line, self.root = engine._line(engine.urls[0]), urlsplit(engine.urls[0]).path.rstrip("/").removesuffix("/v1")
        self.url = engine.urls[0]

    def __enter__(self) -> tuple[Line, str]:
        return self.line, self.root

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self.line.close()
        if isinstance(error, Broken | Refused):
            raise EngineError(f"{self.url}: {error}") from error


def _asked(line: Line, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    """What a server says at a path that not every server has; {} where it has not."""
    with suppress(Broken, Refused):
        told = line.get(path) if body is None else line.post(path, body)
        return told if isinstance(told, Mapping) else {}
    return {}
