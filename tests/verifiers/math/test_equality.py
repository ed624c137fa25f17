"""Comparing without algebra where form is enough, and the facts of a question. The rules themselves are tested line by line from the page."""

import pytest

from assay.verifiers.math.comparison import NO, YES, NeedsProof, QuestionFacts, Rules
from assay.verifiers.math.equality import compare_answers


def test_form_decides_without_algebra():
    for gold, answer, opinion in (
        ("(1,2)", "(1,2.0)", YES),
        ("5 cm", "5 mm", NO),
        ("x=5", "5", YES),
        ("\\{1,2\\}", "2,1", YES),
        ("37", "12 25", NO),
    ):
        assert compare_answers(gold, answer, Rules(), prove=False) == opinion
    with pytest.raises(NeedsProof):
        compare_answers("x+1", "1+x", Rules(), prove=False)


def test_a_copy_of_the_question_is_right_leniently_at_most():
    facts = QuestionFacts.from_text("Expand (x+1)^2.")
    assert compare_answers("x^2+2x+1", "(x+1)^2", Rules(facts)) == (False, True)
    assert compare_answers("x^2+2x+1", "1+2x+x^2", Rules(facts)) == YES


def test_strict_implies_lenient_on_every_pair_of_many_forms():
    forms = (
        "5",
        "5 cm",
        "(1,2)",
        "1,2",
        "\\{1,2\\}",
        "x=5",
        "x<2",
        "4:30",
        "3:4",
        "52_8",
        "D",
        "east",
        "5\\%",
        "[1,2)",
        "\\begin{pmatrix}1\\\\2\\end{pmatrix}",
    )
    for gold in forms:
        for answer in forms:
            opinion = compare_answers(gold, answer, Rules())
            assert opinion.lenient or not opinion.strict, (gold, answer)
            assert opinion.strict or gold != answer, gold
