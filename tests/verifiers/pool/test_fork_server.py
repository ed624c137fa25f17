import types

import pytest

from assay.core.errors import ConfigError
from assay.verifiers.pool import fork_server


def raises(error):
    def build(*_):
        raise error

    return build


def test_an_outside_part_that_raises_while_it_is_loaded_is_an_error_of_the_plan(monkeypatch):
    monkeypatch.setattr(fork_server, "load_verifier", raises(ZeroDivisionError("at import")))
    with pytest.raises(ConfigError, match="verifier 'python:lab:f': ZeroDivisionError: at import"):
        fork_server._load_verifier("python:lab:f", {})


def test_a_part_is_warmed_where_it_can_be(monkeypatch):
    warmed = []
    part = types.SimpleNamespace(judge=print, warm=lambda: warmed.append(1))
    monkeypatch.setattr(fork_server, "load_verifier", lambda *_: part)
    monkeypatch.setattr(fork_server, "restrict_sympy", lambda: None)
    assert fork_server._load_verifier("math", {}) is part
    assert warmed == [1]


def test_an_outside_part_judges_each_row_in_a_process_of_its_own_unless_told():
    careless, careful = (lambda: None), (lambda: None)
    careful.evaluates_text = False
    assert fork_server.may_evaluate_text("python:lab:f", careless)
    assert not fork_server.may_evaluate_text("python:lab:f", careful)
    assert not fork_server.may_evaluate_text("exact", object())


def test_parts_of_this_house_are_shut_in_but_for_those_that_run_programs():
    assert fork_server.is_confined("math", object())
    assert not fork_server.is_confined("code", types.SimpleNamespace(dangerous=True))
    assert not fork_server.is_confined("python:lab:f", object())
