"""What a comparison is asked for and says."""

from assay.verifiers.math.comparison import MAYBE, NO, YES, QuestionFacts, combine_all, squeeze


def test_two_opinions_make_one():
    assert YES.also(MAYBE) == MAYBE
    assert MAYBE.also(NO) == NO
    assert NO.either(MAYBE) == MAYBE
    assert YES.either(NO) == YES
    assert combine_all([YES, MAYBE]) == MAYBE
    assert combine_all([]) == YES


def test_a_question_has_facts():
    facts = QuestionFacts.from_text("How many cm is $x^{2}+1$, in ascending order?")
    assert "centimeter" in facts.units
    assert facts.ordered
    assert "x^2+1" in facts.squeezed
    assert not QuestionFacts.from_text("How many?").ordered


def test_squeezing_drops_blanks_and_braces():
    assert squeeze("x^{2} \\cdot y") == "x^2y"
