"""Words that deny or bound a value: each family, on both sides, and what only looks like one."""

import pytest

from assay.verifiers.answers.denials import (
    BEHIND,
    CORRECTED_BEHIND,
    DENIED_BEHIND,
    HEDGED,
    NO_BEHIND,
    REJECTED,
    RETRACTED,
)


@pytest.mark.parametrize(
    "before",
    [
        "it is not ",
        "es ist nicht ",
        "to nie ",
        "至少是",
        "au moins ",
        "не менее ",
        "en az ",
        "أكبر من ",
        "कम से कम ",
        "ít nhất ",
    ],
)
def test_a_word_before_a_value_hedges_it(before):
    assert HEDGED.search(before)


@pytest.mark.parametrize("before", ["the answer is ", "nothing", "niece ", "ответ ", "所以是", "minute ", "minimum"])
def test_other_words_do_not(before):
    assert not HEDGED.search(before)


@pytest.mark.parametrize("after", ["이상입니다", " 以上です", "ではない", "가 아닙니다", " değil", " नहीं है"])
def test_a_word_behind_a_value_hedges_it(after):
    assert BEHIND.match(after)


@pytest.mark.parametrize("after", ["です", "입니다", "。以上", " है", " dollars"])
def test_a_verb_behind_a_value_does_not(after):
    assert not BEHIND.match(after)


def test_what_stands_behind_a_denied_value_is_read():
    assert CORRECTED_BEHIND.fullmatch("42가 아니라 43")["rest"] == "43"
    assert CORRECTED_BEHIND.fullmatch("42ではなく、43です")["rest"] == "43です"
    assert CORRECTED_BEHIND.fullmatch("42 değil") is None
    assert DENIED_BEHIND.match("42 değil")


def test_a_value_is_taken_back_in_a_clause_of_its_own():
    assert RETRACTED.match(", which is wrong")
    assert not RETRACTED.match(", which is not surprising")
    assert REJECTED.match(" is wrong")
    assert NO_BEHIND.match(" No, 43")
    assert not NO_BEHIND.match(" Nobody")
