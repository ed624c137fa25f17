"""One sample as a server tells it, piece by piece or at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from assay.core.types import Finish
from assay.engines._http import Broken, Refused

FINISHES: dict[str, Finish] = {"stop": "stop", "length": "length", "content_filter": "error", "tool_calls": "error"}
STOPS = ("stop_reason", "matched_stop")  # as vLLM and as SGLang call it
CLOSING = "\n</think>\n\n"  # between what a server took apart


@dataclass(slots=True)
class Heard:
    """What has arrived of one sample. It is whole once a finish reason has come."""

    reasoning: list[str] = field(default_factory=list)
    content: list[str] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    reason: str = ""  # the server's finish reason
    stopped: str | None = None  # the stop string that ended it, "" = none did, None = the server does not say
    pieces: int = 0  # events with text
    tokens: int | None = None  # as the server counts
    prompt_tokens: int = 0

    def take(self, event: Any) -> None:
        """One event of a stream, or a whole answer.

        Raises:
            Broken: no answer at all, or the server reports a failure of its own.
            Refused: the server refuses the request inside the stream.
        """
        if not isinstance(event, Mapping):
            raise Broken(f"no answer: {str(event)[:40]!r}")
        if complaint := event.get("error"):
            raise _failure(complaint)
        if usage := event.get("usage"):
            self.tokens, self.prompt_tokens = usage.get("completion_tokens"), usage.get("prompt_tokens") or 0
        for choice in event.get("choices") or ():
            self._choice(choice)

    def whole(self) -> "Heard":
        """Itself.

        Raises:
            Broken: no finish reason came, or one that says that the server gave up.
        """
        if self.reason not in FINISHES:
            raise Broken(f"the answer ended with finish reason {self.reason!r}" if self.reason else "fewer choices than were asked for")
        return self

    @property
    def finish(self) -> Finish:
        """In the words of the contract."""
        return FINISHES[self.reason]

    @property
    def text(self) -> str:
        """What the model wrote, reasoning first; with no content when the thinking was cut.

        >>> Heard(content=["4"]).text, Heard(reasoning=["2+2"]).text, Heard(reasoning=["2+2"], content=["4"]).text
        ('4', '2+2', '2+2\\n</think>\\n\\n4')
        """
        thought, said = "".join(self.reasoning), "".join(self.content)
        return f"{thought}{CLOSING}{said}" if thought and said else thought or said

    def _choice(self, choice: Mapping[str, Any]) -> None:
        said = choice.get("delta") or choice.get("message") or {}
        thought, content = said.get("reasoning_content") or said.get("reasoning"), said.get("content")
        if thought:
            self.reasoning.append(thought)
        if content:
            self.content.append(content)
        self.pieces += bool(thought or content)
        if given := choice.get("logprobs"):
            self.logprobs += [token["logprob"] for token in given.get("content") or ()]
        self.reason = choice.get("finish_reason") or self.reason
        if choice.get("finish_reason") == "stop" and (named := [key for key in STOPS if key in choice]):
            told = choice[named[0]]
            self.stopped = told if isinstance(told, str) else ""  # null or a token: the model closed it itself


def _failure(complaint: Any) -> Broken | Refused:
    code, words = (complaint.get("code"), complaint.get("message")) if isinstance(complaint, Mapping) else (0, complaint)
    if isinstance(code, int) and 400 <= code < 500 and code not in (408, 429):
        return Refused(code, str(words))
    return Broken(f"the server reports: {str(words)[:120]}")
