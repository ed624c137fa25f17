"""Cases in one line."""

from collections.abc import Callable
from typing import Any

import pytest

from assay.core.types import Finish, GradingCase, Label, Policy, Problem, Request, Rollout, SamplingConfig


def build_case(
    gold: str,
    text: str,
    *,
    verifier: str = "math",
    finish: Finish = "stop",
    prompt: str = "How many?",
    metadata: dict[str, Any] | None = None,
) -> GradingCase:
    """One attempt at one problem."""
    problem = Problem.of(prompt, metadata=metadata)
    request = Request(problem.id, problem.messages, SamplingConfig(), (0,), 0)
    rollout = Rollout.of(request, 0, policy=Policy("fake", "r0"), engine="scripted", text=text, tokens=1, finish=finish)
    return GradingCase(problem, Label.of(problem.id, gold, verifier=verifier), rollout)


@pytest.fixture(scope="session")
def case() -> Callable[..., GradingCase]:
    return build_case
