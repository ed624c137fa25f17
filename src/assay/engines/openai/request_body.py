"""Build the body of a chat completion from a request, in the form that OpenAI-compatible servers read."""

import base64
import json
from typing import Any

from assay.core.errors import ConfigError
from assay.core.pictures import Picture, place_pictures
from assay.core.types import Request


def build_chat(request: Request) -> dict[str, Any]:
    """Return the messages of a request, with the arguments of the chat template and a begun answer to continue.

    Turns that show pictures are lists of parts, each picture as a data URI where its mark stands.
    """
    chat: dict[str, Any] = {"messages": [message._asdict() for message in request.messages]}
    if request.pictures:
        _show_pictures(chat["messages"], request.pictures)
    if arguments := json.loads(request.sampler.chat_template_args):
        chat["chat_template_kwargs"] = arguments
    if request.prefix:
        chat["messages"].append({"role": "assistant", "content": request.prefix})
    if chat["messages"][-1]["role"] == "assistant":  # a begun answer is continued, not closed
        chat |= {"add_generation_prompt": False, "continue_final_message": True}
    return chat


def show_chat(chat: dict[str, Any]) -> str:
    """Write the messages of a chat for a reader, each picture by its beginning.

    Args:
        chat: what `build_chat` returns.
    """
    shown = [
        {**turn, "content": [_shorten(part) for part in turn["content"]]} if isinstance(turn["content"], list) else turn
        for turn in chat["messages"]
    ]
    return str(json.dumps(shown, indent=1, ensure_ascii=False))


def _shorten(part: dict[str, Any]) -> dict[str, Any]:
    if "image_url" not in part:
        return part
    url = part["image_url"]["url"]
    return {**part, "image_url": {"url": f"{url[:40]}... ({len(url)} characters)"}}


def _show_pictures(messages: list[dict[str, Any]], pictures: tuple[Picture, ...]) -> None:
    """Put pictures into the user's turns of a chat."""
    turns = [turn for turn in messages if turn["role"] == "user"]
    placed = place_pictures([turn["content"] for turn in turns], pictures)
    for turn, pieces in zip(turns, placed, strict=True):
        if any(isinstance(piece, Picture) for piece in pieces):
            turn["content"] = [_part(piece) for piece in pieces if piece]


def _part(piece: str | Picture) -> dict[str, Any]:
    if isinstance(piece, str):
        return {"type": "text", "text": piece}
    data = base64.b64encode(piece.data).decode()
    return {"type": "image_url", "image_url": {"url": f"data:{piece.media_type};base64,{data}"}}


def build_body(
    request: Request, sample: int, *, model: str, extended: bool, send_seed: bool, logprobs: bool
) -> dict[str, Any]:
    """Return the body of one sample's request; parameters for which servers have defaults of their own are always sent.

    Args:
        request: to be completed.
        sample: its index, from which the seed follows.
        model: the name that the server uses.
        extended: also send top_k, min_p and repetition_penalty, which the plain protocol lacks.
        send_seed: also send the sample's seed.
        logprobs: ask for the log-probability of each token.

    Raises:
        ConfigError: a top_k without `extended`.
    """
    sampler = request.sampler
    body = build_chat(request) | {
        "model": model,
        "max_tokens": sampler.max_tokens,
        "temperature": sampler.temperature,
        "top_p": sampler.top_p,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if extended:
        body |= {"top_k": sampler.top_k or -1, "min_p": 0.0, "repetition_penalty": 1.0}
    elif sampler.top_k:
        raise ConfigError(f"top_k {sampler.top_k} needs `extended`: the plain protocol has no such key")
    optional = {"stop": list(sampler.stop), "seed": send_seed and request.seed_of(sample), "logprobs": logprobs}
    return body | {name: value for name, value in optional.items() if value}
