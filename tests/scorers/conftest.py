"""Attempts as a lake would give them."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from assay.core.types import Outcome, StoredAttempt


class AttemptStore:
    """Attempts by problem id; those of other policies by policy and problem id."""

    def __init__(
        self,
        attempts: Mapping[str, Sequence[StoredAttempt]],
        others: Mapping[str, Mapping[str, Sequence[StoredAttempt]]] | None = None,
    ) -> None:
        self.attempts, self.others, self.requests = attempts, others or {}, list[Any]()

    def draw_attempts(
        self, wanted: Mapping[str, int], changes: Mapping[str, Any], policy: str = ""
    ) -> Mapping[str, Sequence[StoredAttempt]]:
        self.requests.append((dict(wanted), dict(changes), policy))
        source = self.others[policy] if policy else self.attempts
        return {id_: list(source.get(id_, ()))[:n] for id_, n in wanted.items()}


@pytest.fixture
def store_of() -> type[AttemptStore]:
    return AttemptStore


@pytest.fixture
def attempt():
    """One attempt: `attempt("4")`, `attempt("5", "wrong", tokens=9)`."""

    def build(
        answer: str = "", outcome: Outcome = "correct", *, tokens: int = 5, logprobs: tuple[float, ...] | None = None
    ) -> StoredAttempt:
        return StoredAttempt(0, outcome, answer, tokens, "length" if outcome == "truncated" else "stop", logprobs)

    return build
