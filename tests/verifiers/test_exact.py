from assay.verifiers.exact import Exact


def test_spaces_and_unicode_forms_do_not_matter(case):
    assert Exact().judge(case("two  words", "ｔｗｏ\nwords")).outcome == "correct"


def test_case_matters_unless_told_otherwise(case):
    assert Exact().judge(case("North", "north")).outcome == "wrong"
    assert Exact(casefold=True).judge(case("North", "north")).outcome == "correct"


def test_equal_numbers_in_two_spellings_are_not_the_same_characters(case):
    assert Exact().judge(case("0.5", "1/2")).outcome == "wrong"
