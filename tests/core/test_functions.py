"""Plain functions, and classes without fields, as parts from outside."""

import sys

import numpy as np
import pytest

from assay.core.errors import ConfigError
from assay.core.parts import build_part
from assay.core.types import Pool

SOURCE = """
from dataclasses import dataclass
from assay.core.types import Selection

def select(pool, budget, rng, *, highest=False):
    order = pool.column("mean").argsort()
    return (order[::-1] if highest else order)[:budget]

def by_id(pool, budget, rng):
    return {pool.ids[0]: 2.0}

def whole(pool, budget, rng):
    return Selection(pool.ids, (1.0,) * len(pool), {})

def too_many(pool, budget, rng):
    return range(len(pool))

def nothing(pool, budget, rng): ...

def unknown(pool, budget, rng):
    return ["z"]

def twice(pool, budget, rng):
    return [0, 0]

def reads_length(pool, budget, rng):
    return pool.column("length").argsort()[:budget]

def short(pool):
    return []

def backwards(pool, rng):
    return pool.ids[::-1]

class Bare:
    def select(self, pool, budget, rng): ...

class Whole:
    needs = ()
    def select(self, pool, budget, rng): ...

class Another:
    needs = ()
    def choose(self, pool): ...

class NeedsOne:
    def __init__(self, k): ...

@dataclass(frozen=True)
class ShortMethod:
    needs = ()
    def select(self, pool): ...
"""


@pytest.fixture(autouse=True)
def module(tmp_path, monkeypatch):
    (tmp_path / "lab_functions.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path / "lab_functions.py"
    sys.modules.pop("lab_functions", None)


def build(name, kind="selector", **settings):
    return build_part(kind, f"python:lab_functions:{name}", settings)


POOL = Pool(("a", "b", "c"), {"mean": np.array([0.5, 0.1, 0.9])})
RNG = np.random.default_rng(0)


def test_a_function_is_a_selector_and_its_keywords_are_its_settings():
    assert build("select").needs == ("mean",)
    chosen = build("select").select(POOL, 2, RNG)
    assert (chosen.ids, chosen.weights, chosen.dropped) == (("a", "b"), (1.0, 1.0), {"not_chosen": ("c",)})
    assert build("select", highest=True).select(POOL, 2, RNG).ids == ("a", "c")


def test_it_may_give_weights_or_a_whole_selection():
    assert build("by_id").select(POOL, 2, RNG).weights == (2.0,)
    assert build("whole").select(POOL, 3, RNG).ids == POOL.ids


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("too_many", "3 problems were returned for a budget of 2"),
        ("nothing", "the function returned NoneType"),
        ("unknown", "returned 'z', which is not in the pool"),
        ("twice", "returned 'a', which is twice in the pool"),
    ],
)
def test_a_wrong_result_is_named(name, message):
    with pytest.raises(ValueError, match=message):
        build(name).select(POOL, 2, RNG)


def test_a_column_that_it_does_not_name_is_named_with_the_remedy():
    with pytest.raises(LookupError, match=r'no column .length.*reads_length.needs = \("mean", "length"\)'):
        build("reads_length").select(POOL, 2, RNG)


def test_a_function_is_a_curriculum():
    (phase,) = build("backwards", "curriculum").arrange(POOL, RNG).phases
    assert phase.ids == ("c", "b", "a")


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("short", {}, r"is short\(pool\), and is called as select\(pool, budget, rng\)"),
        ("select", {"higest": 1}, "no setting 'higest'; nearest: 'highest'"),
        ("Bare", {}, "has no attribute 'needs': the columns that it reads"),
        ("Another", {}, r"is a Another without a method select\(pool, budget, rng\)"),
        ("NeedsOne", {}, "missing 1 required positional argument: 'k'; as a @dataclass"),
        ("Whole", {"k": 1}, "no setting 'k': settings are the fields of a @dataclass"),
        ("ShortMethod", {}, r"select\(pool\), and is called as select"),
        ("SOURCE", {}, "has no 'SOURCE'"),
    ],
)
def test_what_does_not_fit_is_one_sentence_before_anything_runs(name, settings, message):
    with pytest.raises(ConfigError, match=message):
        build(name, **settings)


def test_a_class_without_fields_is_a_part():
    assert build("Whole").needs == ()


def test_an_edited_function_is_another_version(module):
    before = build("select").version
    assert before == build("by_id").version, "the file's"
    module.write_text(SOURCE + "\n# edited\n")
    assert build("select").version != before
