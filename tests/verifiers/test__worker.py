import types

import pytest

from assay.core.errors import PlanError
from assay.verifiers import _worker


def judge(error):
    def raises(*_):
        raise error

    return raises


def test_what_a_verifier_returns_is_the_answer(case):
    assert _worker._answer(lambda row: "told", "math", case("4", "4")) == ("told", False)


@pytest.mark.parametrize(
    ("error", "reason", "spent"),
    [(ValueError("x" * 999), "ValueError: " + "x" * 200, False), (SystemExit(3), "SystemExit: 3", False), (MemoryError(), "memory limit", True)],
)
def test_what_it_raises_is_a_verdict_about_it_and_never_about_the_answer(case, error, reason, spent):
    told, over = _worker._answer(judge(error), "math", case("4", "4"))
    assert (told.outcome, told.reason, over) == ("verifier_error", reason, spent)


def test_a_label_that_makes_it_raise_is_not_readable(case):
    assert _worker._answer(judge(RecursionError()), "math", case("4", "4").label) == (False, False)


def test_an_outside_part_that_raises_while_it_is_loaded_is_an_error_of_the_plan(monkeypatch):
    monkeypatch.setattr(_worker, "build", judge(ZeroDivisionError("at import")))
    with pytest.raises(PlanError, match="verifier 'python:lab:f': ZeroDivisionError: at import"):
        _worker._load("python:lab:f", {})


def test_a_part_is_warmed_where_it_can_be(monkeypatch):
    warmed = []
    part = types.SimpleNamespace(judge=print, warm=lambda: warmed.append(1))
    monkeypatch.setattr(_worker, "build", lambda *_: part)
    assert _worker._load("math", {}) is part
    assert warmed == [1]
