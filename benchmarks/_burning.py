"""An engine that answers from a script after so much arithmetic: work for a core, the same on every machine."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import pbkdf2_hmac

from assay.core.types import Request, Rollout
from assay.engines.scripted import Scripted


@dataclass(frozen=True, slots=True)
class Burning(Scripted):
    """`scripted`, with `rounds` of SHA-256 before each answer; it holds a core, and no lock of the interpreter."""

    rounds: int = 1_000_000  # about a second

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[Rollout, ...]]:
        """One tuple of rollouts a request, in order."""
        for request in requests:
            pbkdf2_hmac("sha256", request.problem_id.encode(), b"", self.rounds)
            yield from Scripted.generate(self, [request])
