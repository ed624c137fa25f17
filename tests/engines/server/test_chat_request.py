"""A chat completion's body as a request: what is read, and what is refused before it waits next to others."""

import inspect
import json

import pytest

from assay.engines.server.chat_request import (
    CAP,
    MAX_CHOICES,
    MAX_DEPTH,
    MAX_ROLE_CHARS,
    MAX_STOPS,
    MAX_TEXT_CHARS,
    MAX_TOKENS,
    MAX_TURNS,
    MAX_VARIABLES_CHARS,
    RENDERING,
    InvalidRequest,
    read_request,
)

TURN = {"role": "user", "content": "2+2"}
BEGUN = {"role": "assistant", "content": "It is"}


def ask(**settings):
    return read_request({"messages": [TURN], **settings})


def test_a_body_becomes_a_question_with_the_protocols_defaults():
    pending = ask()
    assert [turn._asdict() for turn in pending.messages] == [TURN]
    assert (
        pending.sampler.temperature,
        pending.sampler.top_p,
        pending.sampler.max_tokens,
        pending.n,
        pending.seed,
    ) == (
        1.0,
        1.0,
        CAP,
        1,
        None,
    )
    limited = ask(max_completion_tokens=7, max_tokens=9, stop="\n", n=3, temperature=0, top_k=-1, seed=-1)
    assert (
        limited.sampler.max_tokens,
        limited.sampler.stop,
        limited.n,
        limited.sampler.temperature,
        limited.sampler.top_k,
    ) == (
        7,
        ("\n",),
        3,
        0.0,
        0,
    )
    assert limited.seed is None


def test_text_parts_are_one_text():
    parts = {"role": "user", "content": [{"type": "text", "text": "2+"}, {"type": "text", "text": "2"}]}
    assert [turn.content for turn in read_request({"messages": [parts]}).messages] == ["2+2"]


@pytest.mark.parametrize(
    ("turns", "goes_on", "left", "begun"),
    [
        ([TURN, BEGUN], True, 1, "It is"),
        ([TURN, BEGUN], False, 2, ""),
        ([TURN, BEGUN], None, 2, ""),
        ([TURN], True, 1, ""),
        ([TURN, {**BEGUN, "content": ""}], True, 2, ""),
        ([BEGUN], False, 1, ""),
    ],
)
def test_only_a_begun_answer_is_gone_on_with(turns, goes_on, left, begun):
    pending = read_request({"messages": turns, "continue_final_message": goes_on})
    assert (len(pending.messages), pending.prefix) == (left, begun)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "at least one"),
        ({"messages": {}}, "at least one"),
        ({"messages": "2+2"}, "at least one"),
        ({"messages": [TURN], "tools": [{}]}, "tools"),
        ({"messages": ["2+2"]}, "a role and text content"),
        ({"messages": [{"content": "2+2"}]}, "a role and text content"),
        ({"messages": [{"role": 5, "content": "2+2"}]}, "a role and text content"),
        ({"messages": [{"role": "user", "content": None}]}, "a role and text content"),
        ({"messages": [{"role": "user", "content": [["2+2"]]}]}, "a role and text content"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": {}}]}]}, "a role and text content"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "a role and text content"),
        ({"messages": [{"role": "user", "content": "a\ud800"}]}, "messages: half of a surrogate pair at character 1"),
        ({"messages": [{"role": "\udfff", "content": "a"}]}, "role: half of a surrogate pair at character 0"),
        ({"messages": [BEGUN], "continue_final_message": True}, "a partial answer needs a question"),
    ],
)
def test_messages_that_are_none_are_refused(body, words):
    with pytest.raises(InvalidRequest, match=words):
        read_request(body)


@pytest.mark.parametrize(
    ("limited", "words"),
    [
        ({"temperature": float("nan")}, "temperature nan is out of range"),
        ({"temperature": float("inf")}, "temperature inf"),
        ({"temperature": "0.5"}, "temperature: a number"),
        ({"temperature": True}, "temperature: a number"),
        ({"temperature": -1}, "out of range, 0 to 100"),
        ({"top_p": 0}, "out of range"),
        ({"top_p": 10**400}, "top_p 1"),
        ({"max_tokens": 0}, "max_tokens 0 is out of range"),
        ({"max_tokens": MAX_TOKENS + 1}, "out of range"),
        ({"max_tokens": 1.5}, "max_tokens: a whole number"),
        ({"max_tokens": [7]}, "max_tokens: a whole number"),
        ({"max_completion_tokens": 1 << 80}, "max_completion_tokens of more than 64 bits"),
        ({"n": MAX_CHOICES + 1}, "out of range"),
        ({"n": False}, "n: a whole number"),
        ({"top_k": -2}, "top_k -2 is out of range"),
        ({"top_k": "5"}, "top_k: a whole number"),
        ({"seed": {}}, "seed: a whole number"),
        ({"seed": 1 << 63}, "seed of more than 64 bits"),
        ({"seed": (1 << 63) - 1}, "out of range"),
        ({"stop": {"a": 1}}, "stop: must be a string or a list"),
        ({"stop": [["a"]]}, "stop: must be a string or a list"),
        ({"stop": ["a"] * (MAX_STOPS + 1)}, "stop: must be a string or a list"),
        ({"stop": "\ud83d"}, "stop: half of a surrogate pair"),
        ({"chat_template_kwargs": [1]}, "an object is needed"),
        (
            {"chat_template_kwargs": {"padding": "max_length", "max_length": 1 << 40}},
            "max_length, padding is set by the server",
        ),
        ({"chat_template_kwargs": {"\ud800": 1}}, "chat_template_kwargs: half of a surrogate pair"),
    ],
)
def test_settings_that_an_engine_could_stumble_over_are_refused(limited, words):
    with pytest.raises(InvalidRequest, match=words):
        ask(**limited)


@pytest.mark.parametrize("name", sorted(RENDERING))
def test_what_renders_the_template_is_no_variable_of_it(name):
    with pytest.raises(InvalidRequest, match=f"{name} is set by the server"):
        ask(chat_template_kwargs={name: "x", "enable_thinking": False})


def test_no_client_reaches_the_call_that_renders_the_template():
    transformers = pytest.importorskip("transformers")
    names = set(inspect.signature(transformers.PreTrainedTokenizerBase.apply_chat_template).parameters)
    assert names - {"documents"} <= RENDERING


def test_null_stands_for_the_default_and_a_whole_float_for_its_number():
    pending = ask(temperature=None, stop=None, seed=None, n=None, max_tokens=7.0, top_k=None)
    assert (pending.sampler.temperature, pending.sampler.stop, pending.seed, pending.n, pending.sampler.max_tokens) == (
        1.0,
        (),
        None,
        1,
        7,
    )


def nested(depth: int) -> dict[str, object]:
    inner: object = 1
    for _ in range(depth - 1):
        inner = [inner]
    return {"a": inner}


def test_variables_of_the_template_and_empty_stops_pass():
    pending = ask(chat_template_kwargs={"enable_thinking": False}, stop=["", "b"], n=2.0, top_k=None)
    assert json.loads(pending.sampler.chat_template_args) == {"enable_thinking": False}
    assert (pending.sampler.stop, pending.n, pending.sampler.top_k) == (("b",), 2, 0)


def spread(size: int) -> list[dict[str, str]]:
    """Two turns of so many characters together."""
    return [{"role": "user", "content": "x" * (size // 2)}, {"role": "user", "content": "x" * (size - size // 2)}]


@pytest.mark.parametrize(
    ("holds", "too_much", "words"),
    [
        (
            {"messages": spread(MAX_TEXT_CHARS)},
            {"messages": spread(MAX_TEXT_CHARS + 1)},
            f"at most {MAX_TEXT_CHARS} characters are accepted, found {MAX_TEXT_CHARS + 1}",
        ),
        ({"messages": [TURN] * MAX_TURNS}, {"messages": [TURN] * (MAX_TURNS + 1)}, f"at most {MAX_TURNS} are accepted"),
        (
            {"messages": [{**TURN, "role": "r" * MAX_ROLE_CHARS}]},
            {"messages": [{**TURN, "role": "r" * (MAX_ROLE_CHARS + 1)}]},
            "a role may have at most",
        ),
        (
            {"messages": [TURN], "chat_template_kwargs": {"a": "x" * (MAX_VARIABLES_CHARS - len('{"a":""}'))}},
            {"messages": [TURN], "chat_template_kwargs": {f"k{number}": number for number in range(2_000)}},
            f"chat_template_kwargs: at most {MAX_VARIABLES_CHARS} characters",
        ),
        (
            {"messages": [TURN], "chat_template_kwargs": nested(MAX_DEPTH)},
            {"messages": [TURN], "chat_template_kwargs": nested(MAX_DEPTH + 1)},
            f"chat_template_kwargs: nested more than {MAX_DEPTH} deep",
        ),
    ],
)
def test_a_question_that_would_hold_up_all_others_is_refused_by_its_size(holds, too_much, words):
    assert read_request(holds).n == 1
    with pytest.raises(InvalidRequest, match=words):
        read_request(too_much)
