"""Assemble one sample from the events that a server sends.

An answer of another form than the protocol's is a fault of that sample.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assay.core.types import Finish
from assay.engines.openai.connection import RequestRejected, RetryableError

FILTERED = ("content_filter", "safety", "refusal", "prohibited_content", "recitation")  # by a content filter
FINISHES: dict[str, Finish] = {
    **dict.fromkeys(
        ("stop", "eos", "eos_token", "stop_sequence", "stop_token", "end_turn", "end_of_turn", "complete", "finished"),
        "stop",
    ),
    **dict.fromkeys(
        ("length", "max_tokens", "max_length", "max_new_tokens", "max_output_tokens", "model_length"), "length"
    ),
    **dict.fromkeys(("tool_calls", "tool_use", "function_call", *FILTERED), "error"),
}
CLOSED = ("eos", "eos_token", "stop_token", "end_turn", "end_of_turn")  # the model ended its answer itself
STOPS = ("stop_reason", "matched_stop")  # what vLLM and SGLang call it
CLOSING = "\n</think>\n\n"  # put between reasoning and answer, which the server separated
THINKING = ("thinking", "reasoning", "reasoning_content", "redacted_thinking")
REFUSALS = (
    "invalid_request_error",
    "badrequesterror",
    "invalid_request",
    "context_length_exceeded",
    "content_policy_violation",
)
MAX_DEPTH = 4  # of lists of parts within parts
SHOWN_CHARS = 120  # of a server's own words in a message
SHORT_TEXT = 65_536  # characters that every answer may have
UNCAPPED = 1 << 22  # tokens where nothing says how many were requested
PROMPT_TOKENS = 1 << 28  # more than any context


@dataclass(slots=True)
class StreamedCompletion:
    """What has arrived of one sample so far; it is complete once finish reason and token count have come."""

    cap: int = UNCAPPED  # tokens that were requested
    scored: bool = True  # log-probabilities are kept
    reasoning: list[str] = field(default_factory=list)
    content: list[str] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    reason: str = ""  # the server's finish reason
    stopped: str | None = None  # the stop string that ended it, "" = none did, None = the server does not say
    pieces: int = 0  # events with text
    tokens: int | None = None  # by the server's count
    prompt_tokens: int = 0
    characters: int = 0

    def add_event(self, event: Any) -> None:
        """Add one event of a stream, or a whole answer.

        Raises:
            RetryableError: no answer at all, one of another form, or the server reports a failure of its own.
            RequestRejected: the server refuses the request inside the stream.
        """
        if not isinstance(event, dict):
            raise RetryableError(f"not a completion: {_shorten(event)}")
        if complaint := event.get("error"):
            raise _classify_error(complaint)
        if event.get("object") == "error":
            raise _classify_error(event)
        if (usage := event.get("usage")) is not None:
            self._read_usage(usage)
        choices = event.get("choices")
        if choices is not None and not isinstance(choices, list):
            raise RetryableError(f"choices are not a list: {_shorten(choices)}")
        for choice in choices or ():
            self._read_choice(choice)

    def require_finish(self) -> "StreamedCompletion":
        """Return this completion once a finish reason has come.

        Raises:
            RetryableError: no finish reason came, or one that says that the server gave up.
            RequestRejected: a content filter ended it.
        """
        if self.reason in FILTERED:
            raise RequestRejected(200, f"the server's content filter ended the answer ({self.reason})")
        if self.reason not in FINISHES:
            raise RetryableError(
                f"the answer ended with finish reason {_shorten(self.reason)}"
                if self.reason
                else "fewer choices than requested"
            )
        return self

    @property
    def complete(self) -> bool:
        """Return whether finish reason and token count have come, after which a stream has nothing more to say."""
        return bool(self.reason) and self.tokens is not None

    @property
    def finish(self) -> Finish:
        """Return the finish reason as a `core.types.Finish`."""
        return FINISHES[self.reason]

    @property
    def spent(self) -> int:
        """Return the generated tokens by the server's count.

        The number of pieces of text where it does not count, or says that a text had no token.
        """
        return self.tokens or self.pieces

    @property
    def text(self) -> str:
        """Return what the model wrote, reasoning first; the reasoning alone where it was cut off.

        >>> reasoning, answer = StreamedCompletion(reasoning=["2+2"]), StreamedCompletion(content=["4"])
        >>> answer.text, reasoning.text, StreamedCompletion(reasoning=["2+2"], content=["4"]).text
        ('4', '2+2', '2+2\\n</think>\\n\\n4')
        """
        reasoning, answer = "".join(self.reasoning), "".join(self.content)
        return f"{reasoning}{CLOSING}{answer}" if reasoning and answer else reasoning or answer

    def _read_usage(self, usage: Any) -> None:
        if not isinstance(usage, Mapping):
            raise RetryableError(f"usage is not an object: {_shorten(usage)}")
        self.tokens = _check_count("completion_tokens", usage.get("completion_tokens"), max_value=4 * self.cap + 4096)
        self.prompt_tokens = _check_count("prompt_tokens", usage.get("prompt_tokens"), max_value=PROMPT_TOKENS) or 0

    def _read_choice(self, choice: Any) -> None:
        if not isinstance(choice, dict):
            raise RetryableError(f"a choice is not an object: {_shorten(choice)}")
        if choice.get("index"):
            return
        message = choice.get("delta") or choice.get("message") or {}
        if not isinstance(message, dict):
            raise RetryableError(f"a choice's delta is not an object: {_shorten(message)}")
        content, reasoning = message.get("content"), message.get("reasoning_content") or message.get("reasoning")
        if type(content) is str and not reasoning:  # nearly all events
            self._add_texts((), (content,) if content else ())
        else:
            reasonings, _ = _split_content(reasoning, 0, is_reasoning=True)
            inner, texts = _split_content(content, 0)
            self._add_texts([*reasonings, *inner], texts or _split_content(message.get("refusal"), 0)[1])
        if self.scored and (scores := choice.get("logprobs")):
            self.logprobs += _read_logprobs(scores)
        self._read_finish(choice)

    def _add_texts(self, reasonings: Sequence[str], texts: Sequence[str]) -> None:
        self.reasoning += reasonings
        self.content += texts
        self.pieces += bool(reasonings or texts)
        for text in (*reasonings, *texts):
            self.characters += len(text)
        if self.characters > SHORT_TEXT and self.characters > max_characters(self.cap):
            raise RetryableError(
                f"more than {max_characters(self.cap)} characters of text for a cap of {self.cap} tokens"
            )

    def _read_finish(self, choice: Mapping[str, Any]) -> None:
        reason = choice.get("finish_reason")
        if reason is None or reason == "":
            return
        match = {key: choice[key] for key in STOPS if key in choice}
        if isinstance(reason, Mapping):  # the form of SGLang
            match = {"matched": reason["matched"]} if "matched" in reason else match
            reason = reason.get("type")
            if not isinstance(reason, str) or not reason:
                raise RetryableError("a finish reason has no type")
        if not isinstance(reason, str):
            raise RetryableError(f"a finish reason is not text: {_shorten(reason)}")
        self.reason = reason.lower()
        if FINISHES.get(self.reason) == "stop" and match:
            stop = next(iter(match.values()))
            is_string = isinstance(stop, str) and stop not in CLOSED  # null or a token: the model closed it itself
            self.stopped = stop if is_string else ""


def max_characters(cap: int) -> int:
    """Return the characters of text that so many tokens may have.

    The longest tokens of present vocabularies are runs of some 128 blanks.
    """
    return SHORT_TEXT + 256 * cap


def _check_count(name: str, value: Any, *, max_value: int) -> int | None:
    """Check a count of tokens; None stays None.

    Raises:
        RetryableError: it is no whole number, negative, or more than the request could have brought.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value != int(value):
        raise RetryableError(f"{name} is not a count: {_shorten(value)}")
    if not 0 <= value <= max_value:
        raise RetryableError(f"{name} = {_shorten(value)} is out of range, 0 to {max_value}")
    return int(value)


def _split_content(content: Any, depth: int, *, is_reasoning: bool = False) -> tuple[list[str], list[str]]:
    """Separate the reasoning from the texts of a content: a text, nothing, or a list of parts.

    Returns:
        Pieces of reasoning, and pieces of text.

    Raises:
        RetryableError: it is something else, or nested deeper than MAX_DEPTH.
    """
    if content is None or content == "":
        return [], []
    if isinstance(content, str):
        return ([content], []) if is_reasoning else ([], [content])
    if depth > 2 * MAX_DEPTH:
        raise RetryableError("content is nested too deeply")
    if isinstance(content, Mapping):
        kind = content.get("type")
        name = next(
            (
                name
                for name in ("text", "thinking", "reasoning", "content", "summary", "refusal")
                if content.get(name) is not None
            ),
            None,
        )
        if name is None and kind not in (*THINKING, "text", "output_text", "summary_text", "signature"):
            raise RetryableError(f"a content part has no text: {_shorten(kind)}")
        return _split_content(content[name] if name else None, depth + 1, is_reasoning=is_reasoning or kind in THINKING)
    if not isinstance(content, list) or depth > MAX_DEPTH:
        raise RetryableError(
            f"content is not text: {_shorten(content)}" if depth <= MAX_DEPTH else "content is nested too deeply"
        )
    pairs = [_split_content(part, depth + 1, is_reasoning=is_reasoning) for part in content]
    return [text for reasonings, _ in pairs for text in reasonings], [text for _, texts in pairs for text in texts]


def _read_logprobs(scores: Any) -> list[float]:
    """Read one log-probability per token from any form in use: `content`, a bare list, and `token_logprobs`.

    Raises:
        RetryableError: another form, or a value that is no log-probability.
    """
    tokens = (scores.get("content") or scores.get("token_logprobs") or ()) if isinstance(scores, Mapping) else scores
    if not isinstance(tokens, Sequence) or isinstance(tokens, str):
        raise RetryableError(f"log-probabilities are not a list: {_shorten(tokens)}")
    values: list[Any] = [token.get("logprob") if isinstance(token, Mapping) else token for token in tokens]
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise RetryableError(f"a log-probability is not a number: {_shorten(value)}")
    return [float(value) for value in values]


def _classify_error(complaint: Any) -> RetryableError | RequestRejected:
    code: Any = None
    words, kind = complaint, ""
    if isinstance(complaint, Mapping):
        code, words, kind = (
            complaint.get("code"),
            complaint.get("message"),
            f"{complaint.get('type') or ''} {complaint.get('code') or ''}".lower(),
        )
    status = (
        int(code)
        if isinstance(code, int | str) and not isinstance(code, bool) and str(code).isdecimal() and len(str(code)) == 3
        else 0
    )
    text = " ".join(str(words)[: 4 * SHOWN_CHARS].split())[:SHOWN_CHARS]
    if 400 <= status < 500 and status not in (408, 409, 425, 429):
        return RequestRejected(status, text)
    if not status and any(name in kind.split() for name in REFUSALS):
        return RequestRejected(400, text)
    return RetryableError(f"the server reports: {text}", busy=status in (429, 503), limited=status == 429)


def _shorten(value: Any) -> str:
    """Return the start of a value as code; a huge number or list is never written out."""
    if isinstance(value, str | bytes):
        return repr(value[:40])
    if isinstance(value, int) and abs(value) >= 10**18:
        return "an integer of more than 18 digits"
    if isinstance(value, list | Mapping):
        return f"{'a list' if isinstance(value, list) else 'an object'} of {len(value)}"
    return repr(value)[:40]
