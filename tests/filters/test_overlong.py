import pytest

from assay.core.errors import ConfigError
from assay.core.ports import FilterContext
from assay.core.types import Problem
from assay.filters.overlong import Overlong


def test_both_ends_of_the_limit(sift):
    pairs = [("one two three", "1"), ("one two", "1")]
    (drop,) = sift(Overlong(max_tokens=2), pairs).values()
    assert (drop.problem_id, drop.reason, drop.detail) == (
        Problem.of("one two three").id,
        "overlong",
        "3 prompt tokens, more than 2",
    )
    assert not sift(Overlong(max_tokens=3), pairs)
    assert len(sift(Overlong(max_tokens=1), pairs)) == 2


def test_a_megabyte_is_measured_and_leaves(sift):
    assert len(sift(Overlong(), [("word " * 200_000, "1")])) == 1


def test_a_problem_that_the_template_refuses_is_named_and_not_called_overlong():
    """verl counts a row whose chat template raises as overlong, and drops it in silence."""

    class Refusing:
        def count(self, problems):
            raise ConfigError(f"problem {problems[0].id}: the chat template rejects its messages: roles must alternate")

    with pytest.raises(ConfigError, match="rejects its messages"):
        Overlong().sift([Problem.of("a")], {}, FilterContext(tokenizer=Refusing()))


def test_settings_and_a_bench_that_cannot_do_are_named():
    with pytest.raises(ValueError, match="at least 1, found 0"):
        Overlong(max_tokens=0)
    with pytest.raises(ValueError, match="this filter needs a tokenizer to measure 1 problems"):
        Overlong().sift([Problem.of("a")], {}, FilterContext())
