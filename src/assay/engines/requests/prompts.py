"""Encode a request as token ids with the model's own chat template, applied once."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assay.core.errors import ConfigError, require
from assay.core.types import Request


def load_tokenizer(folder: Path, model: str, *, extra: str) -> Any:
    """Load the tokenizer of a checkpoint.

    Raises:
        ConfigError: it has no chat template.
    """
    tokenizer = require("transformers", extra=extra).AutoTokenizer.from_pretrained(folder)
    if not tokenizer.chat_template:
        raise ConfigError(
            f"model {model!r} has no chat template, and pass rates without one would not be comparable; use an "
            "instruct model"
        )
    return tokenizer


def encode_prompt(tokenizer: Any, request: Request) -> tuple[int, ...]:
    """Encode the prompt followed by a begun answer, if any; no special token is added to those of the template.

    A begun answer whose token ids are known is not encoded anew.

    Raises:
        ConfigError: the template refuses the messages, as some do with a system prompt or two turns of one role.
    """
    messages = [message._asdict() for message in request.messages]
    is_begun = messages[-1]["role"] == "assistant"  # a begun answer is continued, not closed
    arguments = json.loads(request.sampler.chat_template_args)
    try:
        text = tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=not is_begun, continue_final_message=is_begun, **arguments
        )
    except Exception as error:  # a template is a program, which may raise anything
        raise ConfigError(
            f"problem {request.problem_id}: the chat template rejects its messages: {error or type(error).__name__}"
        ) from error
    if request.prefix_tokens is not None:
        return (*tokenizer(text, add_special_tokens=False)["input_ids"], *request.prefix_tokens)
    return tuple(tokenizer(text + request.prefix, add_special_tokens=False)["input_ids"])


def encode_prompt_or_empty(tokenizer: Any, request: Request) -> tuple[int, ...]:
    """Encode the prompt; () where the template refuses it, which fails that problem's samples and not the run."""
    try:
        return encode_prompt(tokenizer, request)
    except ConfigError:
        return ()


def decode_prompt(tokenizer: Any, ids: Sequence[int]) -> str:
    """Return a prompt exactly as the model reads it, with special tokens written out."""
    return str(tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))


def truncate_text(tokenizer: Any, text: str, tokens: int) -> str:
    """Return the first `tokens` tokens of a text as text."""
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    if len(ids) <= tokens:
        return text
    return str(tokenizer.decode(ids[:tokens], skip_special_tokens=True, clean_up_tokenization_spaces=False))
