"""Nouns: ids are content, counts stay apart, a pool's rows line up."""

import numpy as np
import pytest

from assay.core.types import (
    Counts,
    Curriculum,
    Label,
    Message,
    Phase,
    Pool,
    Problem,
    Request,
    SamplingConfig,
    Verdict,
    rollout_id,
)


def test_a_problem_is_its_messages_and_media_and_nothing_else() -> None:
    one = Problem.of("What is 1 + 1?", source="a", metadata={"level": 1})
    assert one.id == Problem.of("What is 1 + 1?", source="b").id
    assert one.id != Problem.of("What is 1 + 1?", media=("ab12",)).id
    assert one.id != Problem.of("What is 1 + 2?").id


def test_a_corrected_answer_is_another_label_of_the_same_problem() -> None:
    assert Label.of("p", "4", verifier="math").id != Label.of("p", "5", verifier="math").id


def test_the_sampler_renders_system_shots_and_the_templated_problem_in_this_order() -> None:
    sampler = SamplingConfig(system="Be brief.", template="{prompt}\nAnswer:", shots=(("1 + 1?", "2"),))
    assert sampler.render(Problem.of("2 + {x}?")) == (
        Message("system", "Be brief."),
        Message("user", "1 + 1?\nAnswer:"),
        Message("assistant", "2"),
        Message("user", "2 + {x}?\nAnswer:"),
    )


def test_only_the_last_user_turn_of_a_chat_is_templated() -> None:
    chat = (Message("user", "hi"), Message("assistant", "hello"), Message("user", "2 + 2?"))
    assert [turn.content for turn in SamplingConfig(template="<{prompt}>").render(Problem.of(chat))] == [
        "hi",
        "hello",
        "<2 + 2?>",
    ]


def test_seeds_of_one_problem_follow_each_other_and_differ_between_problems() -> None:
    one, two = (Request(id_, (), SamplingConfig(), (0, 1), seed=7) for id_ in ("a", "b"))
    assert one.seed_of(1) - one.seed_of(0) == 1
    assert one.seed_of(0) != two.seed_of(0)


def test_a_rollouts_key_is_problem_policy_sampler_and_sample() -> None:
    assert len({rollout_id(p, r, s, n) for p in "ab" for r in "xy" for s in "uv" for n in (0, 1)}) == 16


def test_unparsable_counts_among_the_wrong_and_errors_among_neither() -> None:
    counts = Counts()
    for outcome in ("correct", "wrong", "unparsable", "truncated", "verifier_error"):
        counts = counts.plus(outcome)  # type: ignore[arg-type]
    assert (counts.correct, counts.wrong, counts.truncated, counts.error, counts.total) == (1, 2, 1, 1, 5)


def test_a_pool_refuses_rows_that_do_not_line_up() -> None:
    with pytest.raises(ValueError, match="1 rows of mean for 2 ids"):
        Pool(("a", "b"), {"mean": np.zeros(1)})
    with pytest.raises(ValueError, match="must be ascending"):
        Pool(("b", "a"))
    with pytest.raises(LookupError, match="has no column 'mean'"):
        Pool(("a",)).column("mean")


def test_a_lesson_is_walked_as_often_as_it_says() -> None:
    assert Curriculum((Phase(("a", "b"), epochs=2), Phase(("c",)))).order == ("a", "b", "a", "b", "c")


def test_a_verdict_counts_by_its_lenient_outcome_in_the_lenient_mode_alone() -> None:
    verdict = Verdict("v", "r", "l", "math", "1", "wrong", 0.25, lenient="correct")
    assert verdict.in_mode("strict") is verdict
    assert (verdict.in_mode("lenient").outcome, verdict.in_mode("lenient").reward) == ("correct", 1.0)
    alike = Verdict("v", "r", "l", "code", "1", "wrong", 0.25)
    assert alike.in_mode("lenient") is alike
