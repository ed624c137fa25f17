"""The laws, on every filter, scorer, selector and curriculum that is found: a new part is held to them by lying in its folder.

The laws themselves are `assay.testing`, which also holds parts from outside to them; here they meet parts that break them, too.
"""

import dataclasses
import subprocess
import sys
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
import pytest

from assay.core.errors import ConfigError
from assay.core.parts import build_part, list_parts, load_part
from assay.core.ports import Arranger, Filter, Scorer, Selector
from assay.core.types import Pool, Selection
from assay.testing import check_curriculum, check_filter, check_scorer, check_selector

KINDS = {"filter": Filter, "scorer": Scorer, "selector": Selector, "curriculum": Arranger}
PARTS = [(kind, name) for kind in KINDS for name in list_parts(kind)]
SETTINGS: dict[tuple[str, str], dict[str, object]] = {}  # for parts that cannot do without
ONLINE = [name for name in list_parts("curriculum") if hasattr(load_part("curriculum", name), "begin")]
REPEATED = [
    name
    for name in list_parts("curriculum")
    if "epochs" in {field.name for field in fields(load_part("curriculum", name))}
]


def made(kind: str, name: str):
    return build_part(kind, name, SETTINGS.get((kind, name)))


# Every part ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "name"), PARTS)
def test_a_part_is_a_frozen_dataclass_that_meets_its_port_and_says_what_it_does(kind, name):
    part = made(kind, name)
    assert isinstance(part, KINDS[kind])
    assert type(part).__dataclass_params__.frozen
    assert load_part(kind, name).__doc__
    assert not load_part(kind, name).__doc__.startswith(
        f"{load_part(kind, name).__name__}("
    )  # the one that dataclass writes by itself


@pytest.mark.parametrize(("kind", "name"), PARTS)
def test_an_unknown_setting_is_refused_with_its_neighbours(kind, name):
    with pytest.raises(ConfigError, match=r"has no setting 'zzz_unheard'.*(nearest|known)"):
        build_part(kind, name, {"zzz_unheard": 1})


@pytest.mark.parametrize(("kind", "name"), PARTS)
def test_an_unknown_name_is_refused_with_its_neighbours(kind, name):
    wrong = f"{name}x"
    if wrong not in list_parts(kind):
        with pytest.raises(ConfigError, match=f"unknown {kind} '{wrong}'.*'{name}'"):
            build_part(kind, wrong)


@pytest.mark.parametrize(("kind", "name"), PARTS)
def test_every_setting_checks_its_type(kind, name):
    for field in dataclasses.fields(load_part(kind, name)):
        with pytest.raises(ConfigError, match=field.name):
            build_part(kind, name, {**SETTINGS.get((kind, name), {}), field.name: object()})


def test_listing_parts_imports_none_of_them():
    listing = "import sys; from assay.core.parts import ROOMS, list_parts; found = [list_parts(kind) for kind in ROOMS]"
    rooms = "('filters', 'scorers', 'selectors', 'curricula', 'engines', 'sources', 'verifiers')"
    code = f"{listing}; print([m for m in sys.modules if m.startswith(tuple(f'assay.{{r}}' for r in {rooms}))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# The laws --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list_parts("filter"))
def test_a_filter_keeps_the_laws(name):
    check_filter(made("filter", name))


@pytest.mark.parametrize("name", list_parts("scorer"))
def test_a_scorer_keeps_the_laws(name):
    check_scorer(made("scorer", name), name)


@pytest.mark.parametrize("name", list_parts("selector"))
def test_a_selector_keeps_the_laws(name):
    check_selector(made("selector", name))


@pytest.mark.parametrize("name", list_parts("curriculum"))
def test_a_curriculum_keeps_the_laws(name):
    check_curriculum(made("curriculum", name), epochs=1 if name in (*ONLINE, *REPEATED) else None)


@pytest.mark.parametrize("name", REPEATED)
def test_a_curriculum_of_three_epochs_keeps_the_laws(name):
    check_curriculum(build_part("curriculum", name, {"epochs": 3}), epochs=3)


@pytest.mark.parametrize("name", REPEATED)
def test_a_curriculum_refuses_no_pass(name):
    with pytest.raises(ConfigError, match="epochs"):
        build_part("curriculum", name, {"epochs": 0})


# Parts that break them -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class First:
    """A selector from outside; `fault` is the law that it breaks."""

    fault: str = ""
    needs: ClassVar[tuple[str, ...]] = ("mean",)

    def select(self, pool: Pool, budget: int, rng: np.random.Generator) -> Selection:
        if budget < 0:
            raise ValueError(f"budget {budget}")
        values = pool.columns["mean"]
        if self.fault != "nan" and (bad := np.flatnonzero(np.isnan(values))).size:
            raise ValueError(f"{pool.ids[bad[0]]!r} has no mean")
        if self.fault == "global":
            np.random.random()
        ids = pool.ids[: budget - (self.fault == "budget") if budget else 0]
        rest = () if self.fault == "lost" else tuple(id_ for id_ in pool.ids if id_ not in ids)
        return Selection(ids, (1.0,) * len(ids), {"not_chosen": rest} if rest else {})


def test_a_selector_from_outside_that_keeps_the_laws_passes():
    check_selector(First())


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ("lost", "kept, or dropped"),
        ("budget", "spent exactly"),
        ("nan", "NaN in 'mean'"),
        ("global", "global generators"),
    ],
)
def test_a_selector_from_outside_that_breaks_a_law_is_told_which(fault, rule):
    with pytest.raises(AssertionError, match=rule):
        check_selector(First(fault))


def test_importing_the_checks_loads_nothing_heavy():
    code = "import sys, assay.testing; print([m for m in ('torch', 'transformers', 'sklearn', 'duckdb', 'faiss', 'pytest') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
