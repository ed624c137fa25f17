"""Check the body of a chat completion and turn it into a `PendingRequest`."""

import math
from collections.abc import Mapping
from typing import Any

from assay.core.identity import canonical_json
from assay.core.types import Message, SamplingConfig
from assay.engines.server.batcher import PendingRequest

CAP = 256  # tokens where the client names no cap
MAX_TOKENS, MAX_STOPS, MAX_CHOICES = 1 << 20, 64, 1024
MAX_TURNS, MAX_TEXT_CHARS, MAX_ROLE_CHARS = 1024, 1 << 20, 64  # other clients wait while a prompt is rendered
MAX_VARIABLES_CHARS, MAX_DEPTH = 1 << 14, 16  # of a template's variables: llama.cpp takes quadratic time at either
RENDERING = frozenset(  # arguments of the renderer, which shares one call with the template's variables
    (
        "add_generation_prompt",
        "chat_template",
        "continue_final_message",
        "conversation",
        "kwargs",
        "max_length",
        "messages",
        "padding",
        "processor_kwargs",
        "return_assistant_tokens_mask",
        "return_dict",
        "return_tensors",
        "sanitize_control_tokens",
        "self",
        "tokenize",
        "tokenizer_kwargs",
        "tools",
        "truncation",
    )
)


class InvalidRequest(ValueError):
    """The client asked for something that this server cannot do."""


def read_request(body: Mapping[str, Any]) -> PendingRequest:
    """Check the whole body of a chat completion, and return it as a request that may wait next to others.

    Raises:
        InvalidRequest: no messages, too many or too long ones, tools, images, texts that cannot be encoded, numbers
            that are none or out of range.
    """
    messages = body.get("messages")
    if not messages or not isinstance(messages, list):
        raise InvalidRequest("messages: at least one message is needed")
    if len(messages) > MAX_TURNS:
        raise InvalidRequest(f"messages: at most {MAX_TURNS} are accepted, found {len(messages)}")
    if body.get("tools"):
        raise InvalidRequest("tools are not supported")
    arguments = _read_template_variables(body.get("chat_template_kwargs") or {})
    cap = "max_tokens" if body.get("max_completion_tokens") is None else "max_completion_tokens"
    sampler = SamplingConfig(
        temperature=_read_number(body, "temperature", 1.0, low=0, high=100),
        top_p=_read_number(body, "top_p", 1.0, low=1e-9, high=1),
        top_k=max(0, _read_integer(body, "top_k", 0, low=-1, high=1 << 31)),
        max_tokens=_read_integer(body, cap, CAP, low=1, high=MAX_TOKENS),
        stop=_read_stops(body.get("stop")),
        chat_template_args=arguments,
    )
    n = _read_integer(body, "n", 1, low=1, high=MAX_CHOICES)
    seed = (
        None if body.get("seed") is None else _read_integer(body, "seed", 0, low=-1, high=(1 << 63) - 1 - MAX_CHOICES)
    )
    turns, prefix = _read_messages(messages, continues=bool(body.get("continue_final_message")))
    return PendingRequest(turns, sampler, n, None if seed == -1 else seed, prefix)


def _read_messages(messages: list[Any], *, continues: bool) -> tuple[tuple[Message, ...], str]:
    """Return the turns to answer, and the begun answer to continue: the last turn, where it is to be continued."""
    turns = tuple(_read_message(message) for message in messages)
    if (size := sum(len(turn.content) for turn in turns)) > MAX_TEXT_CHARS:
        raise InvalidRequest(f"messages: at most {MAX_TEXT_CHARS} characters are accepted, found {size}")
    if not continues or turns[-1].role != "assistant" or not turns[-1].content:
        return turns, ""
    if len(turns) == 1:
        raise InvalidRequest("messages: a partial answer needs a question before it")
    return turns[:-1], turns[-1].content


def _read_number(body: Mapping[str, Any], name: str, default: float, *, low: float, high: float) -> float:
    value = default if body.get(name) is None else body[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidRequest(f"{name}: a number is needed")
    if (isinstance(value, float) and not math.isfinite(value)) or not low <= value <= high:
        raise InvalidRequest(f"{name} {str(value)[:40]} is out of range, {low:g} to {high:g}")
    return float(value)


def _read_integer(body: Mapping[str, Any], name: str, default: int, *, low: int, high: int) -> int:
    value = default if body.get(name) is None else body[name]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidRequest(f"{name}: a whole number is needed")
    if not low <= value <= high:
        raise InvalidRequest(
            f"{name} {value if abs(value) < 1 << 63 else 'of more than 64 bits'} is out of range, {low} to {high}"
        )
    return value


def _read_template_variables(variables: Any) -> str:
    """Return the variables of the model's template as JSON."""
    if not isinstance(variables, dict):
        raise InvalidRequest("chat_template_kwargs: an object is needed")
    if reserved := sorted(RENDERING & variables.keys()):
        raise InvalidRequest(
            f"chat_template_kwargs: {', '.join(reserved)} is set by the server; "
            "only variables of the model's chat template are allowed"
        )
    text = _check_text(canonical_json(variables), "chat_template_kwargs")
    if _measure_depth(variables) > MAX_DEPTH:
        raise InvalidRequest(f"chat_template_kwargs: nested more than {MAX_DEPTH} deep")
    if len(text) > MAX_VARIABLES_CHARS:
        raise InvalidRequest(
            f"chat_template_kwargs: at most {MAX_VARIABLES_CHARS} characters are accepted, found {len(text)}"
        )
    return text


def _measure_depth(value: Any) -> int:
    """Return how many objects and lists are nested in each other."""
    level, depth = [value], 0
    while containers := [item for item in level if isinstance(item, dict | list)]:
        level = [inner for item in containers for inner in (item.values() if isinstance(item, dict) else item)]
        depth += 1
    return depth


def _read_stops(value: Any) -> tuple[str, ...]:
    stops = [value] if isinstance(value, str) else [] if value is None else value
    if not isinstance(stops, list) or len(stops) > MAX_STOPS or not all(isinstance(stop, str) for stop in stops):
        raise InvalidRequest(f"stop: must be a string or a list of at most {MAX_STOPS} strings")
    return tuple(_check_text(stop, "stop") for stop in stops if stop)


def _check_text(text: str, name: str) -> str:
    """Return the text itself, where UTF-8 can hold it."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"{name}: half of a surrogate pair at character {error.start}") from None
    return text


def _read_message(message: Any) -> Message:
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, list) and all(isinstance(part, dict) and part.get("type") == "text" for part in content):
        texts = [part.get("text") for part in content]
        content = "".join(texts) if all(isinstance(text, str) for text in texts) else None
    if not isinstance(content, str) or not isinstance(message.get("role"), str):
        raise InvalidRequest("messages: each needs a role and text content")
    if len(message["role"]) > MAX_ROLE_CHARS:
        raise InvalidRequest(f"messages: a role may have at most {MAX_ROLE_CHARS} characters")
    return Message(_check_text(message["role"], "messages: role"), _check_text(content, "messages"))
