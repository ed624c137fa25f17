"""Sample from any OpenAI-compatible server: vLLM, SGLang, llama.cpp, Ollama, a hosted one, or `curate serve-model`."""

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar
from urllib.parse import urlsplit

from assay.core.errors import ConfigError, EngineError, suggest_names
from assay.core.identity import content_id
from assay.core.types import Message, Policy, Request, Rollout, SamplingConfig
from assay.engines.openai.concurrency import run_concurrently
from assay.engines.openai.connection import HttpConnection, RequestRejected, RetryableError, ask_optional, list_models
from assay.engines.openai.endpoints import Endpoint, Endpoints, draw_backoff_s
from assay.engines.openai.request_body import build_body, build_chat, show_chat
from assay.engines.openai.stream import PROMPT_TOKENS, StreamedCompletion
from assay.engines.requests.order import collect_in_order

REVISION_CHARS = 16
TICK_S = 1.0  # an empty tuple is yielded so often, so that the caller can stop
MIN_PATIENCE = 3  # failures in a row after which a server is not given up yet
CAPACITY_FIELDS = (
    ("/props", "total_slots"),
    ("/get_server_info", "max_running_requests"),
    ("/server_info", "max_running_requests"),
)
DEFAULT_CAPACITY = 64  # samples at once where a server does not say how many it holds
MAX_CAPACITY = 2_048  # samples at once, whatever a server says
VLLM_CAPACITY = 256  # vLLM's default on most GPUs, 1,024 on the largest; it does not say
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
STREAM_BYTES, TOKEN_BYTES = 1 << 20, 4_096  # limit on an answer's bytes: the first, and the second per requested token
OLD_CAP, NEW_CAP = "max_tokens", "max_completion_tokens"


@dataclass(frozen=True)
class Openai:
    """Sample from one or more servers of one model, one sample per request.

    The server's prefix cache shares the prompt among samples. The server that is least loaded for its size is asked
    first. One that answers 429 or 5xx, breaks off, sends no byte for `silence_s` or answers nonsense rests for a time
    that doubles, or for as long as its Retry-After says. Its sample is requested again, up to `retries` times, of
    which 429 and 503 do not count; then it is reported with finish "error" and its `fault`. An answer that has another
    form than the protocol's, has no end, has more bytes than its tokens can have, or repeats the key is such a
    failure.

    A request that the server refuses, such as one that exceeds its context, has finish "error" at once and the
    server's words in `refused`; 401, 402 and 403 end the run. When all servers have failed more than `retries` times
    in a row (at least 3) or have answered 429 for `retry_for_s`, what has arrived is yielded and the run ends.

    The policy's revision is a hash of what the server says it serves (`root`) and of its greedy answers to eight fixed
    prompts. A server whose connection broke, or that was silent for a minute, answers them again before it is used;
    another answer means another checkpoint and ends the run.

    Pictures of a problem are sent as data URIs inside the user's turns; a server whose model sees none refuses them.

    No seed is sent unless `send_seed`, which makes some servers slow and few exact. The recorded seed is then -1.
    """

    takes_pictures: ClassVar[bool] = True
    model: str = ""  # the name that the server uses; "" = its only model
    urls: tuple[str, ...] = ("http://127.0.0.1:8000/v1",)
    revision: str = ""  # takes the place of the hash, and no answers are compared: you vouch for the weights
    key_env: str = ""  # name of the environment variable that holds the key; the key itself is written nowhere
    concurrency: int = 0  # samples at once per server; 0 = as many as it says it holds, 256 for vLLM, else 64
    silence_s: float = 300.0  # without a single byte; raise it where requests queue inside the server
    timeout_s: float = 14_400.0  # for one whole answer
    retries: int = 6  # per sample
    retry_for_s: float = 600.0  # how long a server may keep answering 429
    send_seed: bool = False
    extended: bool = True  # also send top_k, min_p and repetition_penalty, switched off; False where they are refused
    logprobs: bool = False  # ask for the log-probability of each token

    def __post_init__(self) -> None:
        if not self.urls:
            raise ValueError("urls is empty: name at least one server")
        for url in self.urls:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError(f"url {url!r} is not of the form http://host:port/v1")
            if parts.username or parts.password:
                raise ValueError(f"the url of {parts.hostname} holds a key; name an environment variable in key_env")
        if self.concurrency < 0 or self.retries < 0 or self.silence_s <= 0:
            raise ValueError(
                f"concurrency {self.concurrency} and retries {self.retries} must be at least 0, "
                f"silence_s {self.silence_s} above 0"
            )
        if not self.timeout_s > 0 or not self.retry_for_s >= 0:
            raise ValueError(f"timeout_s {self.timeout_s} must be above 0, retry_for_s {self.retry_for_s} at least 0")

    @cached_property
    def policy(self) -> Policy:
        """Return the model's name and the hash of its identity; asks the servers unless `revision` is given.

        Raises:
            ConfigError: the server has no such model, the key is missing or refused.
            EngineError: no server answers.
        """
        if self.revision and self.model:
            return Policy(self.model, self.revision)
        identity = self.identity
        return Policy(self._model_name, self.revision or content_id("served", identity)[:REVISION_CHARS])

    @cached_property
    def identity(self) -> Mapping[str, str]:
        """Return `root` and the greedy answer to each of eight prompts, from the first server that answers.

        Raises:
            ConfigError: as of `policy`.
            EngineError: no server answers.
        """
        reasons = []
        for server in self._servers.servers:
            connection = self._connect(server.url)
            try:
                identity = self._wait_for_identity(connection, server.url)
            except RetryableError as failure:
                reasons.append(f"{server.url}: {failure}")
            else:
                self._servers.record_identity(server)
                return identity
            finally:
                connection.close()
        raise EngineError(f"no server responds: {'; '.join(reasons)}")

    def _wait_for_identity(self, connection: HttpConnection, url: str) -> dict[str, str]:
        """Return the identity, asked for again while the server is busy or fails.

        A server that does not answer at all is not waited for.
        """
        until, failures, waits = time.monotonic() + self.retry_for_s, 0, 0
        while True:
            try:
                return self._read_identity(connection, url)
            except RetryableError as failure:
                failures, waits = failures + (not failure.limited), waits + failure.limited
                wait_s = max(failure.after_s, draw_backoff_s(waits if failure.limited else failures))
                if not failure.answered or failures > self.retries or time.monotonic() + wait_s > until:
                    raise
            time.sleep(wait_s)

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[Rollout, ...]]:
        """Yield one tuple of rollouts per request, in order; complete later ones wait. `arrivals` lets nothing wait.

        Raises:
            ConfigError: a wrong model or key.
            EngineError: all servers are lost, or one serves another checkpoint.
        """
        return collect_in_order(requests, self.stream(requests), revision=self.policy.revision)

    def stream(self, requests: Iterable[Request | None]) -> Iterator[tuple[Rollout, ...]]:
        """Yield every sample once, as it arrives (`core.ports.StreamingEngine`).

        Raises:
            ConfigError: a wrong model or key.
            EngineError: all servers are lost, or one serves another checkpoint; what had arrived has been yielded.
        """
        policy, servers = self.policy, self._servers
        samples = (
            sample for request in requests if not servers.lost for sample in split_request(request) if not servers.lost
        )
        try:
            for rollouts in run_concurrently(
                lambda sample: self._draw_sample(servers, policy, *sample), samples, size=servers.size, tick_s=TICK_S
            ):
                servers.cut_overdue()
                yield rollouts
        except (GeneratorExit, EngineError, ConfigError):
            self.close()
            raise
        if servers.lost:
            self.close()
            raise EngineError(f"{servers.causes}; what arrived is kept; run the same command again to continue")

    @property
    def capacity(self) -> int:
        """Return how many samples all servers hold at once."""
        return self._servers.size

    def count_tokens(self, request: Request) -> int:
        """Count the prompt tokens of one request as the server does.

        Where it cannot count, generate one token and read its usage.
        """
        with self._open_side_connection() as (connection, root):
            reply = ask_optional(connection, f"{root}/tokenize", {"model": self._model_name, **build_chat(request)})
            count = reply.get("count")
            if isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= PROMPT_TOKENS:
                return count
            return self._complete(connection, {**self._build_body(request, 0), "max_tokens": 1}).prompt_tokens

    def show(self, request: Request) -> str:
        """Return the prompt as the model reads it where the server can say; otherwise the chat as it is sent."""
        chat = build_chat(request)
        with self._open_side_connection() as (connection, root):
            reply = ask_optional(connection, f"{root}/tokenize", {"model": self._model_name, **chat})
            if "prompt" not in reply and reply.get("tokens"):
                reply = ask_optional(
                    connection, f"{root}/detokenize", {"model": self._model_name, "tokens": reply["tokens"]}
                )
            if "prompt" not in reply:
                reply = ask_optional(connection, f"{root}/apply-template", chat)
        prompt = reply.get("prompt")
        return prompt if isinstance(prompt, str) and prompt else show_chat(chat)

    def close(self) -> None:
        """Close idle connections and cut off calls under way; the next call opens new ones."""
        if (servers := self.__dict__.pop("_servers", None)) is not None:
            servers.close()

    @cached_property
    def _servers(self) -> Endpoints:
        servers = [
            Endpoint(url.rstrip("/"), self.concurrency or self._find_capacity(url.rstrip("/"))) for url in self.urls
        ]
        return Endpoints(
            servers,
            patience=max(self.retries, MIN_PATIENCE),
            open_connection=self._connect,
            retry_for_s=self.retry_for_s,
        )

    @cached_property
    def _model_name(self) -> str:
        if self.model:
            return self.model
        with self._open_side_connection() as (connection, _):
            names = list(list_models(connection.get(self._join_path("/models"))))
        if len(names) != 1:
            listing = ", ".join(map(repr, sorted(names))) or "none"
            raise ConfigError(f"{self.urls[0]} serves {len(names)} models; name one of them in `model`: {listing}")
        return names[0]

    def _connect(self, url: str) -> HttpConnection:
        key = os.environ.get(self.key_env, "").strip() if self.key_env else ""
        if self.key_env and not key:
            raise ConfigError(f"the environment variable {self.key_env} of key_env is not set")
        if not all("!" <= letter <= "~" for letter in key):
            raise ConfigError(
                f"the environment variable {self.key_env} of key_env is not a valid key: "
                "it holds blanks, line breaks or characters beyond ASCII"
            )
        return HttpConnection(url, key=key, silence_s=self.silence_s, timeout_s=self.timeout_s)

    def _open_side_connection(self) -> "_SideConnection":
        return _SideConnection(self)

    def _join_path(self, path: str, url: str = "") -> str:
        return urlsplit(url or self.urls[0]).path.rstrip("/") + path

    def _find_capacity(self, url: str) -> int:
        """Return how many samples the server says it holds, or a default for its kind.

        llama.cpp says how many slots it has, SGLang how many requests it runs at once.
        """
        connection, root, owners = self._connect(url), urlsplit(url).path.rstrip("/").removesuffix("/v1"), set[str]()
        try:
            for path, name in CAPACITY_FIELDS:
                capacity = ask_optional(connection, root + path).get(name)
                if isinstance(capacity, int) and not isinstance(capacity, bool) and capacity > 0:
                    return min(capacity, MAX_CAPACITY)
            with suppress(RetryableError):
                owners = {
                    str(model.get("owned_by"))
                    for model in list_models(ask_optional(connection, self._join_path("/models", url))).values()
                }
        finally:
            connection.close()
        return VLLM_CAPACITY if "vllm" in owners else DEFAULT_CAPACITY

    def _read_identity(self, connection: HttpConnection, url: str) -> dict[str, str]:
        try:
            models = list_models(connection.get(self._join_path("/models", url)))
        except RequestRejected as refusal:
            hint = (
                "; the url of most servers ends in /v1"
                if refusal.status == 404 and not urlsplit(url).path.rstrip("/").endswith("/v1")
                else ""
            )
            raise ConfigError(
                f"{url} does not list its models: {refusal}; key_env = {self.key_env!r}{hint}"
            ) from refusal
        if self._model_name not in models:
            raise ConfigError(
                f"{url} does not serve a model {self._model_name!r}; {suggest_names(self._model_name, models)}"
            )
        greedy = SamplingConfig(temperature=0.0, max_tokens=PROBE_TOKENS)
        identity = {"root": str(models[self._model_name].get("root") or self._model_name)}
        for prompt in PROBES:
            request = Request("", (Message("user", prompt),), greedy, (0,), 0)
            try:
                identity[prompt] = self._complete(connection, self._build_body(request, 0), url).text
            except RequestRejected as refusal:
                if refusal.status in (401, 402, 403, 404):
                    raise ConfigError(
                        f"{url}, model {self._model_name!r}: {refusal}; key_env = {self.key_env!r}"
                    ) from refusal
                raise ConfigError(
                    f"{url} refused a simple test request ({refusal}); if it complains about top_k, min_p or "
                    "similar, set extended = false"
                ) from refusal
        return identity

    def _complete(self, connection: HttpConnection, body: Mapping[str, Any], url: str = "") -> StreamedCompletion:
        """Return the answer to one body.

        Whether a server wants `max_completion_tokens` in place of `max_tokens` is found out once.
        """
        cap_name = self._cap_name  # another thread may find the present one out while this request is on its way
        try:
            return self._read_completion(
                connection, {cap_name if name == OLD_CAP else name: value for name, value in body.items()}, url
            )
        except RequestRejected as refusal:
            if cap_name == NEW_CAP or not all(name in str(refusal) for name in (OLD_CAP, NEW_CAP)):
                raise
        completion = self._read_completion(
            connection, {NEW_CAP if name == OLD_CAP else name: value for name, value in body.items()}, url
        )
        self.__dict__["_cap_name"] = NEW_CAP
        return completion

    def _read_completion(self, connection: HttpConnection, body: Mapping[str, Any], url: str) -> StreamedCompletion:
        cap = int(body.get(NEW_CAP) or body[OLD_CAP])
        completion = StreamedCompletion(cap=cap, scored=self.logprobs)
        try:
            for event in connection.stream_events(
                self._join_path("/chat/completions", url), body, max_bytes=STREAM_BYTES + TOKEN_BYTES * cap
            ):
                completion.add_event(event)
        except RetryableError as failure:
            if not (failure.unclosed and completion.complete):
                raise
        completion.require_finish()
        if connection.repeats_key(completion.text):
            raise RetryableError("the answer repeats the key")
        return completion

    @property
    def _cap_name(self) -> str:
        return str(self.__dict__.get("_cap_name", OLD_CAP))

    def _draw_sample(self, servers: Endpoints, policy: Policy, request: Request, sample: int) -> Rollout:
        reason, tries = "all servers are lost", 0
        while tries <= self.retries and (lease := servers.acquire()):
            server, connection = lease
            started_s = time.monotonic()
            try:
                self._verify_identity(servers, server, connection)
                completion = self._complete_sample(connection, self._build_body(request, sample), server.url)
                servers.record_answer(server)
                return self._build_rollout(request, sample, policy, completion)
            except RequestRejected as refusal:
                servers.record_refusal(server, refusal)
                return self._build_rollout(request, sample, policy, None, refused=f"{server.url}: {refusal}")
            except RetryableError as failure:
                reason = f"{server.url}: {failure}"
                servers.record_failure(server, failure, started_s)
                tries += not failure.busy
                wait_s = 0.0 if failure.busy else draw_backoff_s(tries)
            finally:
                servers.release(server, connection)
            servers.wait(wait_s)
        return self._build_rollout(request, sample, policy, None, fault=f"{reason} ({tries} tries)")

    def _complete_sample(self, connection: HttpConnection, body: Mapping[str, Any], url: str) -> StreamedCompletion:
        """Return the answer to a sample's request; an unforeseen error in reading it is a fault of that sample."""
        try:
            return self._complete(connection, body, url)
        except (RetryableError, RequestRejected, ConfigError, EngineError):
            raise
        except Exception as error:
            connection.close()
            raise RetryableError(f"a response that cannot be read ({type(error).__name__})") from error

    def _verify_identity(self, servers: Endpoints, server: Endpoint, connection: HttpConnection) -> None:
        """Check that a server that is new, reconnected or was silent serves the same weights as the others."""
        if self.revision or not servers.needs_identity_check(server):
            return
        with server.identity_lock:
            if not servers.needs_identity_check(server):
                return
            try:
                identity = self._read_identity(connection, server.url)
            except ConfigError as error:
                raise EngineError(f"{error}; what arrived is kept; run the same command again to continue") from error
            if differing := [name for name, value in self.identity.items() if identity[name] != value]:
                first = differing[0]
                raise EngineError(
                    f"{server.url} now serves another checkpoint under the name {self._model_name!r}: "
                    f"{len(differing)} of {len(identity)} answers differ, "
                    f"first {first!r}: {identity[first]!r}, was {self.identity[first]!r}"
                )
            servers.record_identity(server)

    def _build_rollout(
        self,
        request: Request,
        sample: int,
        policy: Policy,
        completion: StreamedCompletion | None,
        *,
        fault: str = "",
        refused: str = "",
    ) -> Rollout:
        answer = completion or StreamedCompletion(reason="tool_calls", tokens=0)
        return Rollout.of(
            request,
            sample,
            policy=policy,
            engine="openai",
            text=answer.text,
            tokens=answer.spent,
            finish=answer.finish,
            prompt_tokens=answer.prompt_tokens,
            seed=request.seed_of(sample) if self.send_seed else -1,
            logprobs=tuple(answer.logprobs) if self.logprobs and completion else None,
            fault=fault,
            refused=refused,
            stopped=answer.stopped,
        )

    def _build_body(self, request: Request, sample: int) -> dict[str, Any]:
        return build_body(
            request,
            sample,
            model=self._model_name,
            extended=self.extended,
            send_seed=self.send_seed,
            logprobs=self.logprobs,
        )


def split_request(request: Request | None) -> Iterator[tuple[Request, int] | None]:
    """Yield each sample of a request; None where there is no request yet."""
    yield from ((request, sample) for sample in request.samples) if request else (None,)


class _SideConnection:
    """A connection to the first server for questions apart from sampling; what fails there is an EngineError."""

    def __init__(self, engine: Openai) -> None:
        self.connection, self.root = (
            engine._connect(engine.urls[0]),
            urlsplit(engine.urls[0]).path.rstrip("/").removesuffix("/v1"),
        )
        self.url = engine.urls[0]

    def __enter__(self) -> tuple[HttpConnection, str]:
        return self.connection, self.root

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self.connection.close()
        if isinstance(error, RetryableError | RequestRejected):
            raise EngineError(f"{self.url}: {error}") from error
