"""What a server may send in place of an answer: that sample's fault with bounded memory, a refusal, or read correctly.

It is never a traceback.
"""

import collections
import functools
import importlib.util
import json
import threading
import time
import tracemalloc
from pathlib import Path

import pytest

from assay.core.errors import ConfigError, EngineError
from assay.engines.openai import connection, endpoints
from assay.engines.openai.engine import Openai

_spec = importlib.util.spec_from_file_location("stub_server", Path(__file__).with_name("stub_server.py"))
stub_server = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(stub_server)
GOOD, STREAM, Stub, event, frames, usage = (
    getattr(stub_server, name) for name in ("GOOD", "STREAM", "Stub", "event", "frames", "usage")
)

FAULTY, KEY = 2, "sk-very-secret-0123456789"
NESTED = functools.reduce(lambda inner, _: {"content": inner}, range(100), "x")
DEEP = b'{"choices": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"


@pytest.fixture
def stub(monkeypatch):
    monkeypatch.setattr(endpoints, "FIRST_REST_S", 0.001)
    stubs = []

    def start(answer, **more):
        stubs.append(Stub(answer, **more))
        return stubs[-1]

    yield start
    for server in stubs:
        server.close()


def engine(stub, **more):
    return Openai("m", urls=(stub.url,), **{"revision": "r", "concurrency": 1, "retries": 0, **more})


def draw(openai, ask, n=4):
    """Return all rollouts of n samples, also where the engine ends the run."""
    arrived = []
    collections.deque(map(arrived.extend, openai.stream([ask(samples=tuple(range(n)))])))
    return sorted(arrived, key=lambda rollout: rollout.sample)


def second_gets(reply):
    """Answer the second sample with this, and the others as they should be."""
    return lambda n, body, handler: reply if n == FAULTY else GOOD


MALFORMED = {
    "content that is a number": frames(event({"content": 5}), event(finish="stop")),
    "content that is a flag": frames(event({"content": True}), event(finish="stop")),
    "parts without text": frames(event({"content": [{"type": "image_url", "image_url": {}}]}), event(finish="stop")),
    "parts within parts": frames(event({"content": [[[[[[[["x"]]]]]]]]}), event(finish="stop")),
    "objects within objects": frames(event({"content": NESTED}), event(finish="stop")),
    "a delta that is a text": frames({"choices": [{"delta": "42", "finish_reason": "stop"}]}),
    "choices that are a text": frames({"choices": "abc"}),
    "choices that are an object": frames({"choices": {"0": {}}}),
    "a choice that is null": frames({"choices": [None]}),
    "usage that is a list": frames(event({"content": "4"}, "stop"), {"choices": [], "usage": [1]}),
    "usage that is a text": frames(event({"content": "4"}, "stop"), {"choices": [], "usage": "many"}),
    **{
        f"{name} tokens": frames(
            event({"content": "4"}, "stop"), b'{"choices": [], "usage": {"completion_tokens": %s}}' % value
        )
        for name, value in {
            "negative": b"-1000000",
            "NaN": b"NaN",
            "huge": b"1e30",
            "infinite": b"Infinity",
            "many": b'"many"',
            "true": b"true",
            "half": b"2.5",
            "a list of": b"[3]",
            "a billion": b"1000000000",
            "minus infinity": b"-1e999",
            "400 digits of": b"9" * 400,
        }.items()
    },
    "negative prompt tokens": frames(event({"content": "4"}, "stop"), usage(3, -5)),
    "a finish that is an empty object": frames(event({"content": "4"}, {})),
    "a finish that is a number": frames(event({"content": "4"}, 7)),
    "a finish that is a list": frames(event({"content": "4"}, ["stop"])),
    "an unknown finish": frames(event({"content": "4"}, "weariness")),
    "JSON that is too deep": frames(DEEP),
    "no JSON": frames(b'{"choices": [{"del\xff'),
    "a number alone": frames(b"5"),
    "a stream that ends before its finish": frames(event({"content": "4"}), done=False),
    "an error object": frames({"object": "error", "message": "out of memory", "code": 500}),
    "an error that is a list": frames({"error": ["died"]}),
    "a document that is a list": (200, {}, b"[]"),
    "a document that is empty": (200, {}, b""),
    "a document that is too deep": (200, {}, DEEP),
    "a gzip bomb": (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b\x08\x00" + b"\x00" * 4096),
    "no content": (204, {}, b""),
    "a redirect": (302, {"Location": "http://127.0.0.1:9/v1"}, b""),
    "a redirect that keeps the method": (307, {"Location": "https://elsewhere.invalid/"}, b"moved"),
    "not modified": (304, {}, b""),
}


@pytest.mark.parametrize("reply", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_answer_is_that_samples_fault_and_nothing_else_is_lost(stub, ask, reply):
    rollouts = draw(engine(stub(second_gets(reply))), ask)
    assert [(rollout.text, rollout.finish, bool(rollout.fault)) for rollout in rollouts] == [
        ("42", "stop", False),
        ("", "error", True),
        ("42", "stop", False),
        ("42", "stop", False),
    ]
    assert all(rollout.tokens == 3 for rollout in rollouts if not rollout.fault)
    assert rollouts[1].tokens == 0
    assert "\n" not in rollouts[1].fault
    assert len(rollouts[1].fault) < 500


READ = {
    "thinking as a list of parts": (
        frames(
            event({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "2+2"}]}]}),
            event({"content": [{"type": "text", "text": "4"}]}, "stop"),
            usage(),
        ),
        ("2+2\n</think>\n\n4", "stop", 3),
    ),
    "text parts": (
        frames(event({"content": [{"type": "text", "text": "4"}, "2"]}), event(finish="stop"), usage()),
        ("42", "stop", 3),
    ),
    "reasoning as a list": (
        frames(event({"reasoning": [{"text": "hm"}]}), event({"content": "4"}, "stop")),
        ("hm\n</think>\n\n4", "stop", 2),
    ),
    **{
        f"finish {name}": (frames(event({"content": "4"}, name), usage()), ("4", "stop", 3))
        for name in ("eos", "eos_token", "stop_sequence", "end_turn", "STOP")
    },
    **{
        f"finish {name}": (frames(event({"content": "4"}, name), usage()), ("4", "length", 3))
        for name in ("max_tokens", "length", "MAX_TOKENS")
    },
    "finish as an object": (frames(event({"content": "4"}, {"type": "stop", "matched": 2}), usage()), ("4", "stop", 3)),
    "a length as an object": (
        frames(event({"content": "4"}, {"type": "length", "length": 12}), usage()),
        ("4", "length", 3),
    ),
    "no [DONE]": (frames(event({"content": "4"}, "stop"), usage(), done=False), ("4", "stop", 3)),
    "null tokens": (
        frames(event({"content": "4"}), event({"content": "2"}, "stop"), usage(None, None)),
        ("42", "stop", 2),
    ),
    "no tokens for a text": (
        frames(event({"content": "4"}), event({"content": "2"}, "stop"), usage(0)),
        ("42", "stop", 2),
    ),
    "whole float tokens": (frames(event({"content": "4"}, "stop"), usage(3.0)), ("4", "stop", 3)),
    "a document": (
        (
            200,
            {},
            json.dumps(
                {"choices": [{"message": {"content": "4"}, "finish_reason": "stop"}], "usage": {"completion_tokens": 3}}
            ).encode(),
        ),
        ("4", "stop", 3),
    ),
    "a second choice that nobody asked for": (
        frames(
            {"choices": [{"index": 1, "delta": {"content": "no"}, "finish_reason": "length"}]},
            event({"content": "4"}, "stop"),
            usage(),
        ),
        ("4", "stop", 3),
    ),
}


@pytest.mark.parametrize(("reply", "expected"), READ.values(), ids=READ)
def test_other_dialects_of_the_protocol_are_read_right(stub, ask, reply, expected):
    (rollout,) = draw(engine(stub(lambda *_: reply)), ask, 1)
    assert (rollout.text, rollout.finish, rollout.tokens) == expected
    assert (rollout.fault, rollout.refused) == ("", "")


@pytest.mark.parametrize(
    ("scores", "read"),
    [
        ([{"token": "4", "logprob": -0.1}], (-0.1,)),
        ({"content": [{"logprob": -0.1}]}, (-0.1,)),
        ({"token_logprobs": [-0.1]}, (-0.1,)),
        ("many", None),
        ([{"token": "4"}], None),
        ({"content": [{"logprob": "low"}]}, None),
        (7, None),
    ],
)
def test_log_probabilities_are_read_in_each_form_or_are_a_fault(stub, ask, scores, read):
    reply = frames({"choices": [{"delta": {"content": "4"}, "logprobs": scores, "finish_reason": "stop"}]}, usage())
    (rollout,) = draw(engine(stub(lambda *_: reply), logprobs=True), ask, 1)
    assert (rollout.logprobs, bool(rollout.fault)) == (read, read is None)
    (rollout,) = draw(engine(stub(lambda *_: reply)), ask, 1)
    assert rollout.text == "4", "nobody who wants none stumbles over them"


REFUSED = {
    "context": (400, {}, b'{"error": {"message": "maximum context length is 4096"}}'),
    "missing": (404, {}, b"no such model"),
    "too large": (413, {}, b"too large"),
    "unprocessable": (422, {}, b"bad field"),
    "inside the stream": frames({"object": "error", "message": "maximum context length is 4096", "code": 400}),
    "named": frames({"error": {"type": "invalid_request_error", "message": "too long", "code": None}}),
    "a policy": frames(event({"content": "I"}), event(finish="content_filter"), usage()),
}


@pytest.mark.parametrize("reply", REFUSED.values(), ids=REFUSED)
def test_a_refused_request_is_no_attempt_and_its_words_are_kept(stub, ask, reply):
    server = stub(second_gets(reply))
    rollouts = draw(engine(server, retries=3), ask)
    assert [bool(rollout.refused) for rollout in rollouts] == [False, True, False, False]
    assert server.url in rollouts[1].refused
    assert rollouts[1].fault == ""
    assert len(server.completions) == 4, "and it is not asked for again"


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_refused_account_ends_the_run_and_what_had_arrived_is_kept(stub, ask, status):
    server, arrived = stub(lambda n, *_: GOOD if n < 3 else (status, {}, b'{"error": "Insufficient credits"}')), []
    with pytest.raises(EngineError, match=f"status {status}.*Insufficient credits.*run the same command again"):
        collections.deque(map(arrived.extend, engine(server, retries=3).stream([ask(samples=tuple(range(9)))])))
    assert [rollout.text for rollout in arrived] == ["42", "42"]
    assert 3 <= len(server.completions) < 9, "what was in flight is answered, the rest is never asked"


def test_what_all_requests_have_in_common_and_is_refused_ends_the_run(stub, ask, monkeypatch):
    monkeypatch.setattr(endpoints, "FIRST_REFUSALS", 6)
    server = stub(lambda *_: (400, {}, b"unknown parameter min_p"))
    with pytest.raises(EngineError, match=r"first [67] requests were all refused.*unknown parameter min_p"):
        draw(engine(server), ask, 50)
    assert 6 <= len(server.completions) <= 7, "what was in flight is answered, the rest is never asked"


def send_endlessly(handler, piece, max_bytes):
    """Send a piece again and again until the client has gone; return how many bytes it took."""
    handler.send_response(200)
    handler.send_header("Content-Type", STREAM)
    handler.send_header("Connection", "close")
    handler.end_headers()
    sent = 0
    try:
        while sent < max_bytes:
            handler.wfile.write(piece)
            sent += len(piece)
    except OSError:
        pass
    handler.close_connection = True
    return sent


@pytest.mark.parametrize(
    "piece",
    [
        frames(event({"content": "word " * 1000}), done=False),
        frames(event({}, padding="x" * 500), done=False),
        b": alive\n\n" * 1000,
        b"x" * 65_536,
        b"data: " + b"[" * 65_536,
    ],
    ids=["text", "empty deltas", "comments", "one line", "one event"],
)
def test_an_endless_answer_is_cut_with_bounded_memory(stub, ask, piece, monkeypatch):
    monkeypatch.setattr(connection, "BODY_BYTES", 1 << 20)
    sent = []

    def answer(n, body, handler):
        if n != FAULTY:
            return GOOD
        sent.append(send_endlessly(handler, piece, 1 << 28))
        return None

    openai = engine(stub(answer))
    tracemalloc.start()
    rollouts = draw(openai, ask)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [rollout.finish for rollout in rollouts] == ["stop", "error", "stop", "stop"]
    assert " than " in rollouts[1].fault
    assert peak < 24 << 20


def test_a_huge_length_and_a_huge_error_are_not_read(stub, ask):
    def answer(n, body, handler):
        handler.send_response(200 if n == FAULTY else 500)
        handler.send_header("Content-Length", str(1 << 40))
        handler.end_headers()
        for _ in range(2_000):
            handler.wfile.write(b"x" * 65_536)
        handler.close_connection = True

    tracemalloc.start()
    rollouts = draw(engine(stub(answer)), ask, 2)
    assert tracemalloc.get_traced_memory()[1] < 80 << 20
    tracemalloc.stop()
    assert all(rollout.fault for rollout in rollouts)


def test_an_answer_without_end_is_cut_after_its_time(stub, ask):
    def answer(n, body, handler):
        if n != FAULTY:
            return GOOD
        handler.send_response(200)
        handler.send_header("Content-Type", STREAM)
        handler.end_headers()
        for _ in range(1000):
            time.sleep(0.02)
            handler.wfile.write(b": alive\n\n")
            handler.wfile.flush()
        return None

    started_s = time.monotonic()
    rollouts = draw(engine(stub(answer), timeout_s=0.3), ask)
    assert time.monotonic() - started_s < 4
    assert [bool(rollout.fault) for rollout in rollouts] == [False, True, False, False]


@pytest.mark.parametrize("value", ["inf", "nan", "999999999", "-5", "Fri, 31 Dec 9999 23:59:59 GMT", "soon", "1e309"])
def test_no_server_is_waited_for_longer_than_five_minutes(value):
    assert 0 <= connection.parse_retry_after(value) <= connection.LONGEST_WAIT_S


def test_a_server_that_asks_for_patience_is_waited_for(stub, ask):
    server = stub(lambda n, *_: GOOD if n > 8 else (429, {}, b"slow down"))
    assert {rollout.text for rollout in draw(engine(server, retry_for_s=30), ask)} == {"42"}
    forever = stub(lambda n, *_: (429, {}, b"slow down"))
    with pytest.raises(EngineError) as caught:
        draw(engine(forever, retry_for_s=0.2), ask)
    assert forever.url in str(caught.value)
    assert "status 429: slow down" in str(caught.value)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_the_fixed_prompts_are_asked_for_again_as_attempts_are(stub, ask, status):
    server = stub(lambda *_: GOOD, probe=lambda n: (status, {}, b"not yet") if n < 4 else None)
    assert draw(engine(server, revision="", retries=6), ask, 1)[0].text == "42"
    down = stub(lambda *_: GOOD, probe=lambda n: (status, {}, b"never"))
    with pytest.raises(EngineError, match=f"{down.url}: status {status}: never"):
        _ = engine(down, revision="", retries=2, retry_for_s=0.2).policy


def test_a_server_that_wants_max_completion_tokens_is_found_out_once(stub, ask):
    refusal = (
        400,
        {},
        b'{"error": {"message": "Unsupported parameter: \'max_tokens\'. Use \'max_completion_tokens\' instead."}}',
    )
    server = stub(lambda n, body, _: refusal if "max_tokens" in body else GOOD)
    rollouts = draw(engine(server), ask)
    assert [rollout.text for rollout in rollouts] == ["42"] * 4
    assert ["max_tokens" in body for body in server.completions] == [True, False, False, False, False]
    assert server.completions[1]["max_completion_tokens"] == server.completions[0]["max_tokens"]


def test_requests_on_their_way_while_the_name_of_the_cap_is_found_out_are_asked_again(stub, ask):
    together, known, renamed = threading.Barrier(4), threading.Event(), []

    def answer(_, body, __):
        if "max_tokens" not in body:
            renamed.append(body)
            if len(renamed) == 2:  # whoever asks for a second sample knows the name
                known.set()
            return GOOD
        if together.wait(timeout=60):  # one of the four is refused at once, the others when the name is known
            known.wait(timeout=60)
        return 400, {}, b"Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."

    rollouts = draw(engine(stub(answer), concurrency=4), ask, 5)
    assert [(rollout.text, rollout.finish) for rollout in rollouts] == [("42", "stop")] * 5


ECHOES = {
    "an error": (500, {}, f"you sent Bearer {KEY}".encode()),
    "an error behind many words": (500, {}, b"x" * 190 + KEY.encode()),
    "a refusal": (400, {}, f"bad header Authorization: Bearer {KEY}".encode()),
    "a redirect": (302, {"Location": f"http://127.0.0.1:9/?key={KEY}"}, b""),
    "a text": frames(event({"content": f"your key is {KEY}"}, "stop"), usage()),
    "a text in two pieces": frames(event({"content": KEY[:9]}), event({"content": KEY[9:]}, "stop"), usage()),
    "a text with escapes": frames(
        b'{"choices": [{"delta": {"content": "%s"}, "finish_reason": "stop"}]}'
        % "".join(f"\\u{ord(c):04x}" for c in KEY).encode()
    ),
    "a finish reason": frames(event({"content": "4"}, KEY)),
    "what is no JSON": frames(b"{" + KEY.encode()),
    "an error inside the stream": frames({"error": {"message": f"Bearer {KEY}"}}),
}


@pytest.mark.parametrize("reply", ECHOES.values(), ids=ECHOES)
def test_no_text_holds_the_key_that_a_server_repeats(stub, ask, reply, monkeypatch, capfd):
    monkeypatch.setenv("STUB_KEY", KEY)
    rollouts = draw(engine(stub(second_gets(reply)), key_env="STUB_KEY"), ask)
    assert [bool(rollout.fault or rollout.refused) for rollout in rollouts] == [False, True, False, False]
    shown = repr(rollouts) + "".join(capfd.readouterr())
    assert not any(KEY[start : start + 8] in shown for start in range(len(KEY) - 8))


def test_a_status_line_and_a_model_list_that_repeat_the_key_hide_it(stub, monkeypatch):
    monkeypatch.setenv("STUB_KEY", KEY)
    with pytest.raises((EngineError, ConfigError)) as caught:
        _ = Openai("other", urls=(stub(lambda *_: GOOD, model=KEY).url,), key_env="STUB_KEY").policy
    assert KEY[:9] not in str(caught.value)


@pytest.mark.parametrize("value", ["two words", "line\nbreak", "schlüssel", "\x7f"])
def test_a_key_that_no_header_can_hold_is_one_line_without_it(monkeypatch, ask, value):
    monkeypatch.setenv("STUB_KEY", value)
    with pytest.raises(ConfigError, match="STUB_KEY of key_env is not a valid key") as caught:
        Openai("m", revision="r", key_env="STUB_KEY").count_tokens(ask())
    assert value not in str(caught.value)


@pytest.mark.parametrize(
    "listing",
    [b"[]", b'{"data": "m"}', b'{"data": [{"name": "m"}]}', b'{"data": [7]}', b'{"data": null}', DEEP, b"nothing"],
)
def test_a_list_of_models_that_is_none_is_one_line(stub, listing):
    server = stub(lambda *_: GOOD)
    handler = server.server.RequestHandlerClass
    handler.do_GET = lambda self: self.send_reply((200, {}, listing))
    for model in ("m", ""):
        with pytest.raises((EngineError, ConfigError)) as caught:
            _ = Openai(model, urls=(server.url,)).policy
        assert "\n" not in str(caught.value)


def test_a_server_that_says_it_holds_a_billion_gets_no_billion_threads(stub):
    server = stub(lambda *_: GOOD)
    server.server.RequestHandlerClass.do_GET = lambda self: self.send_reply((200, {}, b'{"total_slots": 1000000000}'))
    assert engine(server, concurrency=0)._servers.size <= 2_048
