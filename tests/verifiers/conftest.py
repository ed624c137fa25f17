"""Cases in one line."""

from collections.abc import Callable
from typing import Any

import pytest

from assay.core.types import Case, Finish, Label, Policy, Problem, Request, Rollout, Sampler


def build_case(
    gold: str,
    text: str,
    *,
    verifier: str = "math",
    finish: Finish = "stop",
    prompt: str = "How many?",
    metadata: dict[str, Any] | None = None,
) -> Case:
    """One attempt at one problem."""
    problem = Problem.of(prompt, metadata=metadata)
    request = Request(problem.id, problem.messages, Sampler(), (0,), 0)
    rollout = Rollout.of(request, 0, policy=Policy("fake", "r0"), engine="scripted", text=text, tokens=1, finish=finish)
    return Case(problem, Label.of(problem.id, gold, verifier=verifier), rollout)


@pytest.fixture(scope="session")
def case() -> Callable[..., Case]:
    return build_case
