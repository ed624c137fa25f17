"""Boxes: which are one answer, and which are none."""

import pytest

from assay.verifiers.answers.boxes import MAX_LOOKUPS, find_box


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("So \\boxed{7}.", "7"),
        ("So \\boxed{\\frac{1}{2}}.", "\\frac{1}{2}"),
        ("So \\fbox{7}.", "7"),
        ("So boxed{7}.", "7"),
        ("So \\boxed 7.", "7"),
        ("\\boxed{\\boxed{7}}", "7"),
        ("<|begin_of_box|>7<|end_of_box|>", "7"),
        ("\\boxed{a \\} b}", "a \\} b"),
        ("\\boxed{1}, \\boxed{2}", "1, 2"),
        ("\\boxed{1}; \\boxed{2}; \\boxed{3}", "1, 2, 3"),
        ("\\boxed{1} \\quad \\text{or} \\quad \\boxed{2}", "1, 2"),
        ("$x = \\boxed{1}$ and $y = \\boxed{2}$", "1, 2"),
        ("\\boxed{2}\nand\n\\boxed{2}", "2"),
        ("\\boxed{1} und \\boxed{2}", "1, 2"),
        ("\\boxed{1}. Checking once more shows \\boxed{2}", "2"),
        ("\\boxed{1}\n\n\\boxed{2}", "2"),
        ("\\boxed{2}, not \\boxed{1}", "2"),
        ("\\boxed{7} and \\boxed{}", "7"),
    ],
)
def test_the_last_box_and_those_joined_to_it_are_the_answer(text, content):
    assert find_box(text).content == content


@pytest.mark.parametrize("text", ["", "the box is red", "\\boxed{}", "\\boxed{7", "unboxed{7}"])
def test_what_closes_nothing_or_holds_nothing_is_no_box(text):
    assert find_box(text) is None


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        ("so \\boxed{7}.", ""),
        ("so -\\boxed{7}.", "a part of a formula"),
        ("so 2\\boxed{7}.", "a part of a formula"),
        ("so \\boxed{7}^2", "a part of a formula"),
        ("so \\boxed{7} + 5", "a part of a formula"),
        ("so \\boxed{7} or 8.", "one of several"),
        ("it is not \\boxed{7}", "a denial"),
        ("\\boxed{7} is wrong", "a denial"),
        ("\\boxed{7} is not only right", ""),
    ],
)
def test_a_box_that_goes_on_outside_or_is_taken_back_is_in_doubt(text, doubt):
    assert find_box(text).doubt == doubt


def test_a_box_says_where_it_stands():
    box = find_box("so \\boxed{7}.")
    assert (box.start, box.end) == (3, 12)


def test_a_box_far_before_many_words_that_say_box_is_not_searched_for():
    assert find_box("\\boxed{7} " + "box " * (MAX_LOOKUPS - 10)).content == "7"
    assert find_box("\\boxed{7} " + "box " * (MAX_LOOKUPS + 10)) is None
