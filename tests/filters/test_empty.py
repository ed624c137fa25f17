import pytest

from assay.core.types import Message, Problem
from assay.filters.empty import Empty


@pytest.mark.parametrize("prompt", ["", " \n\t", "\u200b\ufeff", "\u00a0\u3000", ()])
def test_nothing_to_see_is_empty(sift, prompt):
    problem = Problem.of(prompt)
    assert sift(Empty(), [(problem, "1")])[problem.id].reason == "empty"


@pytest.mark.parametrize("prompt", ["?", "0", "x"])
def test_one_visible_character_is_a_prompt(sift, prompt):
    assert not sift(Empty(), [(prompt, "1")])


def test_a_picture_without_words_is_a_prompt(sift):
    assert not sift(Empty(), [(Problem.of("", media=("a" * 64,)), "1")])


def test_an_empty_turn_beside_a_full_one_is_no_empty_problem(sift):
    assert not sift(Empty(), [(Problem.of((Message("system", ""), Message("user", "1 + 1?"))), "2")])
