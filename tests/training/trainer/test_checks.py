import pytest

from assay.core.errors import ConfigError
from assay.core.types import Label, Problem, SamplingConfig
from assay.training.trainer.checks import check_curriculum, check_numbers

PROBLEM = Problem.of("1+1=?")
FINE = {"group_size": 4, "groups": 2, "micro_batch": 4, "steps": 1, "learning_rate": 1e-6}


def test_what_can_make_a_step_passes() -> None:
    check_numbers(SamplingConfig(), **FINE)
    check_curriculum([PROBLEM.id], {PROBLEM.id: PROBLEM}, {PROBLEM.id: Label.of(PROBLEM.id, "2", verifier="math")})


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"group_size": 1}, "group_size is 1: .* at least 2"),
        ({"steps": 0}, "steps must be at least 1, found 0"),
        ({"groups": 0}, "problems_per_step must be at least 1, found 0"),
        ({"micro_batch": 0}, "micro_batch_size must be at least 1, found 0"),
        ({"micro_batch": 3}, "micro_batch_size = 3 does not divide a step's 2 x 4 = 8"),
        ({"learning_rate": 0}, "learning_rate must be above 0, found 0"),
    ],
)
def test_what_cannot_is_refused_with_its_numbers(change: dict[str, int], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        check_numbers(SamplingConfig(), **{**FINE, **change})


def test_greedy_sampling_is_refused() -> None:
    with pytest.raises(ConfigError, match="temperature is 0"):
        check_numbers(SamplingConfig(temperature=0), **FINE)


def test_an_id_without_a_problem_or_label_is_named() -> None:
    with pytest.raises(ConfigError, match="1 problems of the curriculum have no problem, first 'x'"):
        check_curriculum(["x", "x"], {}, {})
    with pytest.raises(ConfigError, match=f"no label, first '{PROBLEM.id}'"):
        check_curriculum([PROBLEM.id], {PROBLEM.id: PROBLEM}, {})
