"""Check a chat completion's body and turn it into a `PendingRequest`."""

import math
from collections.abc import Mapping
from typing import Any

from assay.core.identity import canonical
from assay.core.types import Message, SamplingConfig
from assay.engines.server.batcher import PendingRequest

CAP = 256  # tokens where the client names no cap
MOST_TOKENS, MOST_STOPS, MOST_CHOICES = 1 << 20, 64, 1024
MOST_TURNS, MOST_TEXT, MOST_ROLE = (
    1024,
    1 << 20,
    64,
)  # turns, characters of them all, characters of a role: others wait while a prompt is made
MOST_VARIABLES, DEEPEST = (
    1 << 14,
    16,
)  # characters of a template's variables, and how deep they nest: llama.cpp takes quadratic time at either
RENDERING = frozenset(  # what a chat template is rendered by, where its variables share one call with them; a template is a program
    {
        *(
            "chat_template",
            "conversation",
            "messages",
            "tools",
            "self",
            "tokenize",
            "add_generation_prompt",
            "continue_final_message",
        ),
        *("padding", "truncation", "max_length", "return_tensors", "return_dict", "return_assistant_tokens_mask"),
        *("sanitize_control_tokens", "tokenizer_kwargs", "processor_kwargs", "kwargs"),
    }
)


class InvalidRequest(ValueError):
    """The client asked for what this server cannot do."""


def read_request(asked: Mapping[str, Any]) -> PendingRequest:
    """A chat completion's body as a question; all of it is looked over here, before it waits beside others.

    Raises:
        InvalidRequest: no messages, too many or too long ones, tools, images, texts that cannot be encoded, numbers that
            are none or out of range.
    """
    messages = asked.get("messages")
    if not messages or not isinstance(messages, list):
        raise InvalidRequest("messages: at least one is needed")
    if len(messages) > MOST_TURNS:
        raise InvalidRequest(f"messages: at most {MOST_TURNS} are read, not {len(messages)}")
    if asked.get("tools"):
        raise InvalidRequest("tools are not supported")
    arguments = _read_template_variables(asked.get("chat_template_kwargs") or {})
    cap = "max_tokens" if asked.get("max_completion_tokens") is None else "max_completion_tokens"
    sampler = SamplingConfig(
        temperature=_read_number(asked, "temperature", 1.0, least=0, most=100),
        top_p=_read_number(asked, "top_p", 1.0, least=1e-9, most=1),
        top_k=max(0, _read_integer(asked, "top_k", 0, least=-1, most=1 << 31)),
        max_tokens=_read_integer(asked, cap, CAP, least=1, most=MOST_TOKENS),
        stop=_read_stops(asked.get("stop")),
        chat_template_args=arguments,
    )
    n = _read_integer(asked, "n", 1, least=1, most=MOST_CHOICES)
    seed = (
        None
        if asked.get("seed") is None
        else _read_integer(asked, "seed", 0, least=-1, most=(1 << 63) - 1 - MOST_CHOICES)
    )
    turns, begun = _read_messages(messages, begun=bool(asked.get("continue_final_message")))
    return PendingRequest(turns, sampler, n, None if seed == -1 else seed, begun)


def _read_messages(messages: list[Any], *, begun: bool) -> tuple[tuple[Message, ...], str]:
    """The turns to answer, and the begun answer to them: the last turn, where it is to be gone on with."""
    turns = tuple(_read_message(message) for message in messages)
    if (size := sum(len(turn.content) for turn in turns)) > MOST_TEXT:
        raise InvalidRequest(f"messages: at most {MOST_TEXT} characters are read, not {size}")
    if not begun or turns[-1].role != "assistant" or not turns[-1].content:
        return turns, ""
    if len(turns) == 1:
        raise InvalidRequest("messages: a begun answer needs a question before it")
    return turns[:-1], turns[-1].content


def _read_number(asked: Mapping[str, Any], name: str, default: float, *, least: float, most: float) -> float:
    value = default if asked.get(name) is None else asked[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidRequest(f"{name}: a number is needed")
    if (isinstance(value, float) and not math.isfinite(value)) or not least <= value <= most:
        raise InvalidRequest(f"{name} {str(value)[:40]} is out of range, {least:g} to {most:g}")
    return float(value)


def _read_integer(asked: Mapping[str, Any], name: str, default: int, *, least: int, most: int) -> int:
    value = default if asked.get(name) is None else asked[name]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidRequest(f"{name}: a whole number is needed")
    if not least <= value <= most:
        raise InvalidRequest(
            f"{name} {value if abs(value) < 1 << 63 else 'of more than 64 bits'} is out of range, {least} to {most}"
        )
    return value


def _read_template_variables(given: Any) -> str:
    """Variables of the model's template, as JSON."""
    if not isinstance(given, dict):
        raise InvalidRequest("chat_template_kwargs: an object is needed")
    if taken := sorted(RENDERING & given.keys()):
        raise InvalidRequest(
            f"chat_template_kwargs: {', '.join(taken)} is the server's own; only variables of the model's template may stand there"
        )
    text = _check_text(canonical(given), "chat_template_kwargs")
    if _measure_depth(given) > DEEPEST:
        raise InvalidRequest(f"chat_template_kwargs: nested more than {DEEPEST} deep")
    if len(text) > MOST_VARIABLES:
        raise InvalidRequest(f"chat_template_kwargs: at most {MOST_VARIABLES} characters are read, not {len(text)}")
    return text


def _measure_depth(value: Any) -> int:
    """How many objects and lists lie inside each other."""
    level, depth = [value], 0
    while level := [each for each in level if isinstance(each, dict | list)]:
        level, depth = (
            [inner for each in level for inner in (each.values() if isinstance(each, dict) else each)],
            depth + 1,
        )
    return depth


def _read_stops(given: Any) -> tuple[str, ...]:
    stops = [given] if isinstance(given, str) else [] if given is None else given
    if not isinstance(stops, list) or len(stops) > MOST_STOPS or not all(isinstance(stop, str) for stop in stops):
        raise InvalidRequest(f"stop: a text or a list of at most {MOST_STOPS} texts is needed")
    return tuple(_check_text(stop, "stop") for stop in stops if stop)


def _check_text(text: str, name: str) -> str:
    """The text itself, where UTF-8 can hold it."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"{name}: half of a surrogate pair at character {error.start}") from None
    return text


def _read_message(given: Any) -> Message:
    content = given.get("content") if isinstance(given, dict) else None
    if isinstance(content, list) and all(isinstance(part, dict) and part.get("type") == "text" for part in content):
        texts = [part.get("text") for part in content]
        content = "".join(texts) if all(isinstance(text, str) for text in texts) else None
    if not isinstance(content, str) or not isinstance(given.get("role"), str):
        raise InvalidRequest("messages: each needs a role and a text")
    if len(given["role"]) > MOST_ROLE:
        raise InvalidRequest(f"messages: a role has at most {MOST_ROLE} characters")
    return Message(_check_text(given["role"], "messages: role"), _check_text(content, "messages"))
