"""Where brackets close, and what stands outside."""

import re

from assay.verifiers.answers.brackets import find_closing, split_outside


def test_a_bracket_is_closed_by_one_of_any_shape():
    assert find_closing("[1,2) x", 0) == 5
    assert find_closing("((1)", 0) == -1
    assert find_closing("\\{1\\}", 0) == 5


def test_a_text_is_cut_outside_of_brackets_only():
    assert split_outside("a,(b,c),\\{d,e\\}", re.compile(",")) == ["a", "(b,c)", "\\{d,e\\}"]
    assert split_outside("abc", re.compile(",")) == ["abc"]
