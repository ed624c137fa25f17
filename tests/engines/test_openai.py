import collections
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from assay.core.errors import ConfigError, EngineError
from assay.core.parts import build_part
from assay.core.ports import ServedEngine, StreamingEngine
from assay.engines.openai import endpoints
from assay.engines.openai.engine import PROBES, Openai
from assay.engines.scripted import Scripted
from assay.engines.server.app import ModelServer

SERVICE = pytest.mark.service
WORDS = "one two three four five six seven eight nine ten eleven"
SAMPLES = tuple(range(8))
FIRST = len(PROBES)  # completions that a client asks for before its first sample


@pytest.fixture
def serve(monkeypatch):
    """Start the scripted engine behind an address: `serve(fault=...)`."""
    monkeypatch.setattr(endpoints, "FIRST_REST_S", 0.01)
    services = []

    def start(fault=lambda _: "", port=0, slots=8, key="", **script):
        services.append(
            ModelServer(
                Scripted(**{"answers": {"What is 3+4?": (WORDS,)}, **script}),
                port=port,
                fault=fault,
                slots=slots,
                key=key,
            ).start()
        )
        return services[-1]

    yield start
    for service in services:
        service.close()


def faulty(kind, *numbers):
    """Return the fault for those of the samples' completions, counted from 0; the fixed prompts before them are
    answered.
    """
    return lambda i: kind if i - FIRST in numbers else ""


def attempts(engine, request):
    return next(iter(engine.generate([request])))


def test_settings_that_cannot_work_are_one_line():
    for settings, words in (
        ({"urls": ()}, "urls is empty"),
        ({"urls": ("localhost:8000",)}, "not of the form"),
        ({"urls": ("http://me:secret@host/v1",)}, "host holds a key"),
        ({"silence_s": 0}, "silence_s"),
        ({"concurrency": -1}, "concurrency -1"),
    ):
        with pytest.raises(ConfigError, match=words) as caught:
            build_part("engine", "openai", settings)
        assert "secret" not in str(caught.value)


def test_a_key_that_is_not_set_is_named_by_its_variable(monkeypatch, ask):
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with pytest.raises(ConfigError, match="NO_SUCH_KEY of key_env is not set"):
        Openai("m", key_env="NO_SUCH_KEY").count_tokens(ask())


def test_a_vouched_revision_asks_nobody():
    assert Openai("m", urls=("http://127.0.0.1:9/v1",), revision="mine").policy.revision == "mine"


@SERVICE
def test_it_streams_and_knows_whom_it_asks(serve):
    engine = Openai(urls=(serve().url,))
    assert isinstance(engine, StreamingEngine)
    assert isinstance(engine, ServedEngine)
    assert engine.policy.name == "scripted"
    assert set(engine.identity) == {"root", *PROBES}


@SERVICE
@pytest.mark.parametrize("kind", ["death", "garbage", "fewer", "busy", "down"])
def test_a_failed_sample_is_asked_for_again_and_no_other(serve, ask, kind):
    service = serve(faulty(kind, 1, 4))
    rollouts = attempts(Openai(urls=(service.url,), retries=3), ask(samples=SAMPLES))
    assert [(rollout.text, rollout.finish, rollout.fault) for rollout in rollouts] == [(WORDS, "stop", "")] * 8
    n_completions = next(service.numbers)
    if kind == "death":  # whoever answers after a broken connection says first who it is
        assert FIRST + 8 + 2 + FIRST <= n_completions <= FIRST + 8 + 2 + 2 * FIRST
    else:
        assert n_completions == FIRST + 8 + 2


@SERVICE
def test_a_hang_is_a_fault_of_silence_and_a_slow_trickle_is_none(serve, ask):
    hanging, trickling = serve(faulty("hang", 0)), serve(faulty("trickle", 0))
    assert attempts(Openai(urls=(hanging.url,), silence_s=0.3), ask(samples=(0, 1)))[0].text == WORDS
    started_s = time.monotonic()
    assert attempts(Openai(urls=(trickling.url,), silence_s=0.3), ask(samples=(0,)))[0].text == WORDS
    assert time.monotonic() - started_s > 0.5, "it took longer than the limit of silence"
    assert next(trickling.numbers) == FIRST + 1, "and was paid for once"


@SERVICE
def test_retry_after_is_honoured(serve, ask):
    service = serve(faulty("busy", 0))
    started_s = time.monotonic()
    assert attempts(Openai(urls=(service.url,)), ask(samples=(0,)))[0].finish == "stop"
    assert time.monotonic() - started_s >= 0.2


@SERVICE
def test_a_sample_that_always_fails_is_an_error_with_its_fault_and_the_others_are_kept(serve, ask):
    service = serve(lambda i: "garbage" if i >= FIRST and (i - FIRST) % 2 else "")
    rollouts = attempts(Openai(urls=(service.url,), retries=0, concurrency=1), ask(samples=(0, 1, 2)))
    assert [rollout.finish for rollout in rollouts].count("stop") == 2
    failed = next(rollout for rollout in rollouts if rollout.fault)
    assert (failed.finish, failed.text, failed.tokens) == ("error", "", 0)
    assert "not JSON" in failed.fault


@SERVICE
def test_a_refused_request_is_an_error_at_once_and_no_fault(serve, ask):
    service = serve(finish="error", answers=dict.fromkeys(PROBES, ("yes",)))
    engine = Openai("scripted", urls=(service.url,), revision="mine")
    (rollout,) = attempts(engine, ask(samples=(0,)))
    assert (rollout.finish, rollout.fault) == ("error", "")
    assert next(service.numbers) == 1


@SERVICE
def test_one_of_two_dead_servers_costs_nothing_but_the_calls_under_way(serve, ask):
    alive, dying = serve(), serve(lambda i: "death" if i >= FIRST else "")
    engine = Openai(urls=(alive.url, dying.url), concurrency=4)
    rollouts = attempts(engine, ask(samples=tuple(range(40))))
    assert {rollout.finish for rollout in rollouts} == {"stop"}


@SERVICE
def test_when_all_servers_are_lost_the_run_ends_and_what_arrived_is_kept(serve, ask):
    service = serve(lambda i: "down" if i >= FIRST + 3 else "")
    engine, arrived = Openai(urls=(service.url,), retries=2, concurrency=1), []
    stream = engine.stream([ask(samples=tuple(range(100)))])
    with pytest.raises(EngineError, match="all 1 servers failed more than 3 times in a row"):
        collections.deque(map(arrived.extend, stream))
    assert sum(rollout.finish == "stop" for rollout in arrived) == 3
    assert all(rollout.fault for rollout in arrived if rollout.finish == "error")
    assert len(arrived) < 100


@SERVICE
def test_no_server_at_all_is_one_line():
    with pytest.raises(EngineError, match="no server responds: http://127") as caught:
        _ = Openai("m", urls=("http://127.0.0.1:9/v1",)).policy
    assert "\n" not in str(caught.value)


@SERVICE
def test_two_checkpoints_under_one_name_end_the_run(serve, ask):
    first, second = serve(), serve(rule="sum")
    engine = Openai(urls=(first.url, second.url), concurrency=2)
    with pytest.raises(EngineError, match="now serves another checkpoint under the name 'scripted'"):
        list(engine.generate([ask(samples=SAMPLES)]))


@SERVICE
def test_a_server_that_restarts_with_another_checkpoint_ends_the_run(serve, ask):
    first = serve(delay_s=0.005)
    engine = Openai(urls=(first.url,), concurrency=1)
    revision, port = engine.policy.revision, int(first.url.split(":")[2].split("/")[0])
    stream = engine.stream(ask(samples=(n,)) for n in range(10_000))
    next(stream)
    first.close()
    serve(port=port, rule="sum")
    with pytest.raises(EngineError, match="another checkpoint"):
        collections.deque(stream)
    assert Openai(urls=(f"http://127.0.0.1:{port}/v1",)).policy.revision != revision


@SERVICE
def test_a_server_that_was_silent_for_a_minute_says_again_who_it_is(serve, ask, monkeypatch):
    monkeypatch.setattr(endpoints, "RECHECK_S", 0.0)
    service = serve()
    attempts(Openai(urls=(service.url,), concurrency=1), ask(samples=(0, 1)))
    assert next(service.numbers) == 3 * FIRST + 2


@SERVICE
def test_an_unknown_model_answers_with_its_neighbours(serve):
    with pytest.raises(ConfigError, match=r"does not serve a model 'scriptd'; nearest: 'scripted'"):
        _ = Openai("scriptd", urls=(serve().url,)).policy


@SERVICE
def test_a_wrong_key_is_refused_and_shown_nowhere(serve, monkeypatch, capfd, ask):
    url = serve(key="right-key-123").url
    monkeypatch.setenv("ASSAY_TEST_KEY", "wrong-key-456")
    with pytest.raises(ConfigError, match="status 401") as caught:
        _ = Openai("scripted", urls=(url,), key_env="ASSAY_TEST_KEY").policy
    assert "wrong-key" not in str(caught.value)
    monkeypatch.setenv("ASSAY_TEST_KEY", "right-key-123")
    engine = Openai("scripted", urls=(url,), key_env="ASSAY_TEST_KEY")
    assert attempts(engine, ask())[0].finish == "stop"
    assert "right-key" not in repr(engine) + "".join(capfd.readouterr())


@SERVICE
def test_a_long_answer_holds_up_nobody(serve, ask):
    service = serve(faulty("hang", 0), slots=2)
    stream = Openai(urls=(service.url,), silence_s=3.0).stream(
        [ask(samples=(0,)), ask("What is 1+1?", samples=tuple(range(6)))]
    )
    started_s, arrival_s = time.monotonic(), []
    for some in stream:
        arrival_s += [time.monotonic() - started_s for _ in some]
    assert len(arrival_s) == 7
    assert arrival_s[5] < 3.0 <= arrival_s[6]  # the six are there before the one is given up


@SERVICE
def test_requests_are_taken_as_there_is_room_and_those_in_flight_are_finished(serve, ask):
    requested = []

    def requests():
        for n in range(100):
            requested.append(n)
            yield ask(f"What is {n}+1?", samples=(0,))
            if n == 5:
                return

    engine = Openai(urls=(serve(slots=2).url,))
    stream = engine.stream(requests())
    first = next(stream)
    assert len(requested) <= 4 + len(first), "twice what the server holds is asked for, no more"
    assert len(first) + sum(map(len, stream)) == len(requested) == 6


@SERVICE
@pytest.mark.parametrize(
    ("path", "reply", "capacity"),
    [
        ("/props", {"total_slots": 12}, 12),
        ("/get_server_info", {"max_running_requests": 48}, 48),
        ("/server_info", {"max_running_requests": 40}, 40),
        ("/v1/models", {"data": [{"id": "m", "owned_by": "vllm"}]}, 256),
        ("/v1/models", {"data": [{"id": "m", "owned_by": "someone"}]}, 64),
        ("/nothing", {}, 64),
    ],
)
def test_a_server_is_given_as_much_as_it_holds(path, reply, capacity):
    class Fixed(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            body = json.dumps(reply).encode() if self.path == path else b""
            self.send_response(200 if body else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Fixed)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/v1"
    assert Openai("m", urls=(url,))._servers.size == capacity
    assert Openai("m", urls=(url, url), concurrency=3)._servers.size == 6
    server.shutdown()
    server.server_close()


@SERVICE
def test_reasoning_and_content_are_joined_and_logprobs_and_missing_usage_are_read(ask):
    class Thinker(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            choices = [
                {
                    "delta": {"reasoning_content": "2+2 is 4", "content": None},
                    "logprobs": {"content": [{"logprob": -0.5}]},
                },
                {
                    "delta": {"content": "4"},
                    "logprobs": {"content": [{"logprob": -0.25}]},
                    "finish_reason": "stop",
                },
            ]
            events = [*(json.dumps({"choices": [choice]}) for choice in choices), "[DONE]"]
            text = "".join(f"data: {event}\r\n\r\n" for event in events).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream; charset=utf-8")
            self.end_headers()
            self.wfile.write(text)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Thinker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    engine = Openai(
        "m", urls=(f"http://127.0.0.1:{server.server_port}/v1",), revision="r", concurrency=1, logprobs=True
    )
    (rollout,) = attempts(engine, ask(samples=(0,)))
    server.shutdown()
    server.server_close()
    assert rollout.text == "2+2 is 4\n</think>\n\n4"
    assert (rollout.logprobs, rollout.tokens, rollout.seed) == ((-0.5, -0.25), 2, -1)
