"""docs/store.md says what the schemas say, and its examples run."""

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from assay.stores import schema_docs
from assay.stores.lake import Lake
from assay.stores.sql.definitions import definitions, macros, views
from assay.stores.tables import schemas

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "store.md").read_text(encoding="utf-8")
ROLLOUT = {
    "id": "r", "problem_id": "p", "policy": "revision", "policy_name": "name", "sampler": "s", "sample": 0, "seed": 1,
    "tokens": 3, "prompt_tokens": 2, "finish": "stop", "engine": "scripted", "guided": False,
}  # fmt: skip


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture
def beside_a_lake(tmp_path: Path) -> Iterator[Path]:
    """A working folder in which the examples' `.assay/lake` exists and holds one rollout."""
    with Lake(tmp_path / ".assay" / "lake") as lake:
        lake.append({"rollouts": [ROLLOUT]}, run="run")
        lake.catalogue()
    before = Path.cwd()
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)


def test_the_page_is_up_to_date() -> None:
    assert schema_docs.rewrite_page(PAGE) == PAGE, (
        "docs/store.md differs from the schemas: run `python docs/make_store.py`"
    )


def test_every_table_and_view_has_its_section() -> None:
    made = schema_docs.describe_tables()
    assert [f"### {name}\n" in made for name in schemas()] == [True] * len(schemas())
    assert [f"### {name} (view)\n" in made for name in views()] == [True] * len(views())
    assert [f"| `{name}(" in made for name in macros()] == [True] * len(macros())


def test_every_table_has_a_line_about_its_key() -> None:
    named = re.findall(r"^\| ([a-z_]+) \|", PAGE.partition("## Keys")[2].partition("## Reading")[0], flags=re.MULTILINE)
    assert sorted(name for name in named if name != "table") == list(schemas())


def test_a_view_without_meanings_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    costs = replace(definitions()["costs"], columns={})
    monkeypatch.setitem(definitions(), "costs", costs)
    with pytest.raises(LookupError, match=r"costs: .*from_training"):
        schema_docs.describe_tables()


def test_a_column_without_a_meaning_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    costs = definitions()["costs"]
    rest = {name: meaning for name, meaning in costs.columns.items() if name != "tokens"}
    monkeypatch.setitem(definitions(), "costs", replace(costs, columns=rest))
    with pytest.raises(LookupError, match=r"costs: \['tokens'\]"):
        schema_docs.describe_tables()


def test_a_page_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks <!-- tables: end -->"):
        schema_docs.rewrite_page(f"# The store\n{schema_docs.BEGIN}\n")


@pytest.mark.parametrize("query", examples("sql"))
def test_an_sql_example_runs(query: str, tmp_path: Path) -> None:
    with Lake(tmp_path / "lake") as lake:
        assert lake.ask(query).num_rows == 0


@pytest.mark.parametrize("code", examples("python"))
def test_a_python_example_runs(code: str, beside_a_lake: Path) -> None:
    exec(code, {})
