"""Requests small enough to read, for every engine's tests."""

from collections.abc import Callable

import pytest

from assay.core.errors import ConfigError
from assay.core.types import Problem, Request, SamplingConfig
from assay.engines.models import registry

SHOTS = (("What is 2+2?", "The answer is 4."), ("What is 5+1?", "The answer is 6."))


@pytest.fixture(scope="session")
def ask() -> Callable[..., Request]:
    """Build the request of one question."""

    def build(
        question: str = "What is 3+4?", samples: tuple[int, ...] = (0, 1, 2, 3), seed: int = 0, **sampler: object
    ) -> Request:
        problem, config = Problem.of(question), SamplingConfig(**{"max_tokens": 12, "shots": SHOTS, **sampler})  # type: ignore[arg-type]
        return Request(problem.id, config.render(problem), config, samples, seed)

    return build


@pytest.fixture(scope="session")
def packaged() -> str:
    """Return the name of the packaged model, where it is installed."""
    name = "smollm2-135m-instruct"
    try:
        registry.find_gguf(name)
    except ConfigError as error:
        pytest.skip(str(error))
    return name


@pytest.fixture
def one_thread():
    """Let torch compute in one thread for the length of a test."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
