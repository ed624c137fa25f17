"""What methods of synthesis share: attempts of which equal texts count once, and texts cut into steps."""

import pytest

from assay.core.synthesis import AttemptedProblem, GradedAttempt, split_steps
from assay.core.types import Label


@pytest.mark.parametrize("text", ["a\nb\nc", "a\n\nb\n", "\n\na\n\n\nb", "one", "a\n  "])
def test_steps_are_the_text_and_none_is_blank(text: str) -> None:
    steps = split_steps(text, "\n")
    assert "".join(steps) == text
    assert all(step.strip() for step in steps)


def test_a_blank_text_has_no_step() -> None:
    assert split_steps("\n \n", "\n") == split_steps("", "\n") == []


def test_wrong_attempts_come_once_in_the_order_of_their_samples() -> None:
    texts = [
        ("wrong", "a\nb"),
        ("correct", "c\nd"),
        ("wrong", "a\nb"),
        ("wrong", "e"),
        ("wrong", "f\ng\nh"),
        ("wrong", " "),
    ]
    attempts = [
        GradedAttempt(f"r{sample}", sample, outcome, "", 1, text, digest=text)  # type: ignore[arg-type]
        for sample, (outcome, text) in enumerate(texts)
    ]
    problem = AttemptedProblem("p", Label.of("p", "1", verifier="exact"), attempts)
    assert [attempt.rollout_id for attempt in problem.distinct_wrong(3)] == ["r0", "r3", "r4"]
    cut = problem.wrong_in_steps("\n", max_steps=3, limit=9)
    assert [(attempt.rollout_id, steps) for attempt, steps in cut] == [
        ("r0", ["a\n", "b"]),
        ("r4", ["f\n", "g\n", "h"]),
    ]
    assert (
        problem.wrong_in_steps("\n", max_steps=2, limit=9)
        == cut[:1]
        == problem.wrong_in_steps("\n", max_steps=9, limit=1)
    )
