"""A selector that needs a column which nothing makes yet: its own file brings it, and no file of pipelines changes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import ConfigError
from assay.core.parts import build_part
from assay.pipelines.analysis.compare_selectors import compare_selectors
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.testing import check_selector

Made = Callable[..., RunContext]
FILE = '''
"""The problems whose attempts took the fewest tokens, per attempt."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from assay.core.types import Selection


@dataclass(frozen=True)
class Cheapest:
    needs: ClassVar[tuple[str, ...]] = ("tokens",)
    queries: ClassVar[Mapping[str, str]] = {
        "tokens": "SELECT problem_id, VALUE AS value FROM rollouts WHERE policy = $policy AND sampler = $sampler GROUP BY ALL"
    }

    def select(self, pool, budget, rng):
        order = np.argsort(pool.column("tokens"), kind="stable")
        kept = sorted(pool.ids[row] for row in order[:budget])
        rest = tuple(sorted(set(pool.ids) - set(kept)))
        return Selection(tuple(kept), (1.0,) * len(kept), {"dear": rest} if rest else {})
'''
CHEAPEST = "python:our_cheapest:Cheapest"


@pytest.fixture
def cheapest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Writes the selector with this expression as the value of its column."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(value: str) -> None:
        (tmp_path / "our_cheapest.py").write_text(FILE.replace("VALUE", value))
        monkeypatch.delitem(__import__("sys").modules, "our_cheapest", raising=False)

    return write


@pytest.fixture(autouse=True)
def attempted(walked: Made) -> None:
    """The lake holds attempts at all problems, and clusters."""
    walked()


def chosen(context: RunContext, selection: str) -> list[str]:
    query = "SELECT problem_id FROM selections WHERE selection_id = ? AND kept ORDER BY problem_id"
    return [row["problem_id"] for row in context.lake.rows(query, [selection])]


def test_a_selector_brings_the_query_of_its_column(context: Made, cheapest: Callable[[str], None]) -> None:
    cheapest("sum(tokens + sample)")
    made = context(select={"selector": CHEAPEST, "budget": 10})
    results = run_stages(made)
    fewest = made.lake.rows(
        "SELECT problem_id FROM rollouts GROUP BY problem_id ORDER BY sum(tokens + sample), problem_id LIMIT 10"
    )
    assert chosen(made, results.rows_of("select")) == sorted(row["problem_id"] for row in fewest)
    assert all(result.reused for result in run_stages(context(select={"selector": CHEAPEST, "budget": 10})))
    (row,) = [row for row in compare_selectors(made)["selections"] if row["selection"] == "plan"]
    assert row["kept"] == 10


def test_a_chain_joins_the_columns_of_its_steps(context: Made, cheapest: Callable[[str], None]) -> None:
    cheapest("sum(tokens + sample)")
    steps = [{"selector": "informative"}, {"selector": CHEAPEST}]
    made = context(select={"selector": "composed", "steps": steps, "budget": 10})
    assert len(chosen(made, run_stages(made).rows_of("select"))) == 10


def test_a_selector_with_a_column_of_its_own_is_checked_like_any(cheapest: Callable[[str], None]) -> None:
    cheapest("sum(tokens)")
    with pytest.raises(AssertionError, match="NaN in 'tokens' is refused"):
        check_selector(build_part("selector", CHEAPEST))


def test_what_the_query_gives_is_part_of_the_selection_s_key(context: Made, cheapest: Callable[[str], None]) -> None:
    cheapest("avg(tokens)")
    before = run_stages(context(select={"selector": CHEAPEST}))
    made = context(select={"selector": CHEAPEST})
    attempt = made.lake.rows("SELECT * FROM rollouts ORDER BY id LIMIT 1")[0]
    more: dict[str, Any] = {**attempt, "id": "one-more", "sample": 99, "tokens": 500}
    made.lake.append({"rollouts": [more]})
    after = run_stages(made)
    assert after.of("score").reused
    assert after.of("select").key != before.of("select").key


@pytest.mark.parametrize(
    ("value", "words"),
    [("tokens", "found 128 rows"), ("avg(tokens) AS other, 1", "must have problem_id and value, found")],
)
def test_a_query_that_is_no_column_is_refused(
    context: Made, cheapest: Callable[[str], None], value: str, words: str
) -> None:
    cheapest(value if "AS" in value else f"{value} + sample * 0.5")
    with pytest.raises(ConfigError, match=words):
        run_stages(context(select={"selector": CHEAPEST}))
