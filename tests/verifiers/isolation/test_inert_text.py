import time

import pytest

from assay.verifiers.isolation.inert_text import is_inert


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "-92.5",
        "1 0 1\n0 1 1",
        "_ Q\nQ _",
        "Wednesday",
        "UP, DOWN",
        "3 × 37",
        "a -> b",
        "A → B",
        "Ответ 5",
        "答案",
        "100%",
    ],
)
def test_words_numbers_and_grids_are_inert(text):
    assert is_inert(text)


@pytest.mark.parametrize(
    "text",
    [
        "f(1)",
        "x[0]",
        "{1}",
        "x = 1",
        "x := 1",
        "'a'",
        '"a"',
        "`id`",
        "@property",
        "\\input",
        "a.__class__",
        "import os",
        "del x.y",
        "for a.b in c: pass",
        "with a as b.c: pass",
        "!!python/object",
        "a & b",
        "Import os",
    ],
)
def test_what_could_act_is_not(text):
    assert not is_inert(text)


def test_a_long_text_takes_linear_time():
    began = time.perf_counter()
    assert not is_inert("a b" * 200_000 + "(")
    assert time.perf_counter() - began < 2
