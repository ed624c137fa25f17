"""Answer by a rule, without a model and the same on every machine: for tests, rehearsals and demonstrations."""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import count
from typing import Literal

from assay.core.errors import EngineError
from assay.core.identity import content_id, derive_seed
from assay.core.types import Finish, Policy, Request, Rollout
from assay.engines.requests.stop_strings import cut_at_stop

REVISION_CHARS = 16
SEEDS = 2**31  # `derive_seed` returns less
SUM = re.compile(r"-?\d+(?:\s*[+-]\s*\d+)+")


@dataclass(frozen=True)
class Scripted:
    """Write rollouts by a rule that depends on problem, sample index, seed and sampler alone, so every repeat is exact.

    `answers` lists texts by problem id or by the text of the last user turn. A problem that is not listed gets "The
    answer is N" with N from 0 to 9.

    Rules: `cycle` takes the listed texts in turn. `spread` takes the first text with a probability that belongs to the
    problem (uniform on [0, 1] over problems), otherwise one of the others. `sum` adds up the last sum of whole numbers
    in the prompt; the result is right with that same probability and one too high otherwise.

    Tokens are words. An answer ends at the token cap or at a stop string.

    A begun answer has its own texts where `answers` lists the last user turn followed by the beginning. Otherwise the
    rule's text continues the beginning where it starts with it, and is given whole where it does not. `spread` draws
    among the texts that start with the beginning, where some do, with the probabilities that they have given it.
    """

    model: str = "scripted"
    revision: str = ""  # "" = a hash of the script
    answers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rule: Literal["cycle", "spread", "sum"] = "cycle"
    finish: Finish = "stop"
    fail_after: int | None = None  # requests that are served before every later one raises
    delay_s: float = 0.0  # per request

    def __post_init__(self) -> None:
        if empty := [key for key, texts in self.answers.items() if not texts]:
            raise ValueError(f"no texts for {empty[0]!r}")

    @property
    def policy(self) -> Policy:
        """Return the script as a policy: another script is another revision."""
        script = {key: value for key, value in asdict(self).items() if key in ("model", "answers", "rule", "finish")}
        return Policy(self.model, self.revision or content_id("scripted", script)[:REVISION_CHARS])

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[Rollout, ...]]:
        """Yield one tuple of rollouts per request, in order.

        Raises:
            EngineError: `fail_after` requests have been served.
        """
        policy = self.policy
        for request in requests:
            served = next(self._served)
            if self.fail_after is not None and served >= self.fail_after:
                raise EngineError(f"problem {request.problem_id}: the script fails after {self.fail_after} requests")
            time.sleep(self.delay_s)
            yield tuple(self._sample_rollout(request, sample, policy) for sample in request.samples)

    def count_tokens(self, request: Request) -> int:
        """Count the words of the prompt."""
        return len(self.show(request).split())

    def show(self, request: Request) -> str:
        """Return the turns, one per line."""
        turns = "\n".join(f"{message.role}: {message.content}" for message in request.messages)
        return f"{turns}\nassistant: {request.prefix}" if request.prefix else turns

    def close(self) -> None:
        """Do nothing: this engine holds nothing."""

    @cached_property
    def _served(self) -> Iterator[int]:
        return count()

    def _sample_rollout(self, request: Request, sample: int, policy: Policy) -> Rollout:
        greedy = not request.sampler.temperature
        text, stopped = cut_at_stop(
            self._write_answer(request, 0 if greedy else sample, 0 if greedy else request.seed_of(sample)),
            request.sampler.stop,
        )
        blank = " " if request.prefix and text.startswith(" ") else ""  # between a begun answer and its next word
        words = text.removeprefix(blank).split(" ")
        answer = words[: request.sampler.max_tokens]
        finish: Finish = "length" if len(answer) < len(words) else "stop" if stopped else self.finish
        tokens = len(" ".join(answer).split())
        return Rollout.of(
            request,
            sample,
            policy=policy,
            engine="scripted",
            text=blank + " ".join(answer),
            tokens=tokens,
            finish=finish,
            prompt_tokens=self.count_tokens(request),
            stopped=stopped if finish == "stop" else None,
        )

    def _write_answer(self, request: Request, sample: int, seed: int) -> str:
        text = self._apply_rule(request, sample, seed)
        is_listed = not request.prefix or self._last_question(request) + request.prefix in self.answers
        return text if is_listed else text.removeprefix(request.prefix)

    @staticmethod
    def _last_question(request: Request) -> str:
        return next((message.content for message in reversed(request.messages) if message.role == "user"), "")

    def _apply_rule(self, request: Request, sample: int, seed: int) -> str:
        question = self._last_question(request)
        is_right = derive_seed("luck", request.problem_id, seed) < derive_seed("ease", request.problem_id)
        if self.rule == "sum" and (sums := SUM.findall(question)):
            return f"The answer is {add_terms(sums[-1]) + (not is_right)}"
        texts = (
            self.answers.get(question + request.prefix)
            or self.answers.get(request.problem_id)
            or self.answers.get(question)
        )
        if not texts:
            return f"The answer is {derive_seed('guess', request.problem_id, seed) % 10}"
        if self.rule != "spread":
            return texts[sample % len(texts)]
        return self._spread(request, texts, seed)

    @staticmethod
    def _spread(request: Request, texts: tuple[str, ...], seed: int) -> str:
        """Draw a text; of those that go on from a begun answer where some do, with their shares among these."""
        right, *others = texts if len(texts) > 1 else (*texts, "I do not know")
        ease = derive_seed("ease", request.problem_id) / SEEDS
        luck = derive_seed("luck", request.problem_id, seed) / SEEDS
        shares = [(right, ease), *((text, (1 - ease) / len(others)) for text in others)]
        begun_texts = [(text, share) for text, share in shares if request.prefix and text.startswith(request.prefix)]
        if not begun_texts:
            return right if luck < ease else others[seed % len(others)]
        place = luck * sum(share for _, share in begun_texts)
        for text, share in begun_texts:
            place -= share
            if place < 0:
                return text
        return begun_texts[-1][0]


def add_terms(expression: str) -> int:
    """Add up a sum of whole numbers.

    >>> add_terms("4 + 3 - 10")
    -3
    """
    return sum(int(term.replace(" ", "")) for term in re.findall(r"[+-]?\s*\d+", expression))
