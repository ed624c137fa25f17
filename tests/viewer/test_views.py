"""What each view is given: numbers that agree with the lake, warnings first, one sentence on why a problem was kept or dropped."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks._viewer_lake import write_lake

from assay.core.errors import ConfigError
from assay.stores.lake import Lake
from assay.stores.reader import LakeReader
from assay.viewer.answers import ANSWERS
from assay.viewer.cluster_map import cluster_map, project
from assay.viewer.costs import costs
from assay.viewer.difficulty import difficulty
from assay.viewer.keys import ViewKeys, latest_keys
from assay.viewer.overview import overview, warnings
from assay.viewer.pool import PoolIndex, read_pool
from assay.viewer.problem import SHOWN, problem_page, whole_text
from assay.viewer.selections import stored_selections
from assay.viewer.training import curriculum, training


def test_the_latest_of_each_stage_is_shown(keys: ViewKeys, reader: LakeReader) -> None:
    assert (keys.policy_name, keys.mode, len(keys.pools)) == ("Qwen3-1.7B", "strict", 1)
    assert all((keys.clean, keys.split, keys.scoring, keys.clustering, keys.selection, keys.curriculum, keys.training))
    assert reader.one("SELECT count(*) AS n FROM scores WHERE scoring_id = ?", [keys.scoring])["n"] > 0


@pytest.mark.parametrize(
    ("counts", "kinds"),
    [
        ({"correct": 50, "wrong": 50}, []),
        ({"correct": 40, "wrong": 50, "truncated": 10}, ["truncated"]),
        ({"correct": 90, "wrong": 5, "error": 5}, ["errors"]),
        ({"correct": 0, "wrong": 90, "truncated": 10}, ["truncated", "no answer is right"]),
        ({"correct": 50, "wrong": 50, "disputed": 3, "signal": 0.1}, ["disputed", "little signal"]),
        ({}, []),
    ],
)
def test_what_should_be_looked_at_first_stands_first(counts: dict[str, Any], kinds: list[str]) -> None:
    assert [warning["kind"] for warning in warnings(counts)] == kinds


def test_a_warning_leads_to_the_problems_that_it_means(pool: PoolIndex) -> None:
    for warning in warnings({"correct": 0, "wrong": 90, "truncated": 10, "error": 9, "disputed": 3, "signal": 0.1}):
        pool.open_view(warning["condition"])  # raises where it is no condition


def test_the_overview_counts_the_lake(reader: LakeReader, keys: ViewKeys, pool: PoolIndex) -> None:
    told = overview(reader, keys, pool)
    attempts = reader.one(
        "SELECT sum(n_correct)::INT AS right, sum(n_truncated)::INT AS cut FROM current_scores WHERE scoring_id = ?",
        [keys.scoring],
    )
    assert (told["attempts"]["correct"], told["attempts"]["truncated"]) == (attempts["right"], attempts["cut"])
    assert [stage["stage"] for stage in told["stages"]][:3] == ["ingest", "clean", "split"]
    passed = sum(row["rows"] for row in told["reasons"] if row["stage"] == "select")
    assert (
        passed
        == reader.one("SELECT count(*) AS n FROM selections WHERE selection_id = ? AND NOT kept", [keys.selection])["n"]
    )


def test_why_a_problem_was_kept_or_dropped_is_one_sentence(reader: LakeReader, keys: ViewKeys, pool: PoolIndex) -> None:
    def state(condition: str) -> tuple[str, str]:
        (row,) = pool.page(pool.open_view(condition), 0, 1)
        why = problem_page(reader, keys, row["id"])["why"]
        return why["state"], why["text"]

    assert state("selection = 'selected' AND place = 0") == (
        "selected",
        "Selected with weight 1; place 1 of lesson 1 in the curriculum.",
    )
    assert state("reason = 'never_solved'") == (
        "passed over",
        "Not selected: no attempt is right, so its groups would teach nothing (never_solved).",
    )
    assert state("side = 'held_out'")[0] == "held out"
    dropped, text = state("selection = 'dropped: duplicate'")
    assert dropped == "dropped"
    assert text.startswith("Dropped in clean: duplicate (")


def test_attempts_of_a_problem_stand_with_verdict_reason_and_folded_thinking(
    reader: LakeReader, keys: ViewKeys, pool: PoolIndex
) -> None:
    with_texts = reader.one("SELECT problem_id FROM rollouts WHERE step IS NULL LIMIT 1")["problem_id"]
    told = problem_page(reader, keys, with_texts)
    mine = [attempt for attempt in told["attempts"] if attempt["mine"]]
    assert len(mine) == 8
    for attempt in mine:
        assert attempt["verdicts"][0]["outcome"] in ("correct", "wrong", "truncated")
        assert attempt["verdicts"][0]["reason"]
        assert attempt["thinking"].startswith("<think>")
        assert "<think>" not in attempt["answer"]
        assert attempt["tokens"] > 0
    answered = next(attempt for attempt in mine if attempt["finish"] == "stop")
    assert whole_text(reader, answered["id"])["answer"] == answered["answer"]


def test_an_unknown_problem_is_an_error(reader: LakeReader, keys: ViewKeys) -> None:
    with pytest.raises(ConfigError, match="no problem 'nobody'"):
        problem_page(reader, keys, "nobody")


def test_a_text_of_a_megabyte_is_sent_in_part_and_whole_on_request(tmp_path: Path) -> None:
    write_lake(tmp_path / "lake", 20, attempted=1, steps=0)
    with Lake(tmp_path / "lake") as lake:
        problem = lake.rows("SELECT problem_id FROM rollouts LIMIT 1")[0]["problem_id"]
        attempt = lake.rows("SELECT * FROM rollouts LIMIT 1")[0]
        lake.append(
            {
                "rollouts": [{**attempt, "id": "long", "sample": 99}],
                "completions": [{"id": "long", "text": "x" * 1_000_000}],
            },
            run="r",
        )
    reader = LakeReader(tmp_path / "lake")
    told = problem_page(reader, latest_keys(reader), problem)
    long = next(row for row in told["attempts"] if row["id"] == "long")
    assert (len(long["answer"]), long["characters"]) == (SHOWN, 1_000_000)
    assert len(whole_text(reader, "long")["answer"]) == 1_000_000
    reader.close()


def test_difficulty_counts_each_measured_problem_once(pool: PoolIndex) -> None:
    told = difficulty(pool)
    measured = len(pool.open_view("rate IS NOT NULL AND NOT disputed").rows)
    assert sum(sum(source["bins"]) for source in told["sources"]) == measured
    for source in told["sources"]:
        assert source["if_wrong"] <= source["if_right"]
    values = [row["value"] for row in told["intervals"]]
    assert values == sorted(values)
    assert all(row["low"] <= row["value"] <= row["high"] for row in told["intervals"])


def test_the_map_keeps_clusters_apart_that_lie_apart() -> None:
    rng = np.random.default_rng(0)
    centres = np.eye(8)[:3] * 5
    rows = [
        {
            "id": f"{cluster}-{n}",
            "cluster": cluster,
            "rate": 0.5,
            "kept": False,
            "vector": (centres[cluster] + 0.1 * rng.normal(size=8)).tolist(),
        }
        for cluster in range(3)
        for n in range(20)
    ]
    told = project(rows)
    places = np.array([told["points"]["x"], told["points"]["y"]]).T.reshape(3, 20, 2)
    middle = places.mean(axis=1)
    spread = np.abs(places - middle[:, None]).max()
    nearest = min(np.linalg.norm(middle[a] - middle[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
    assert nearest > 4 * spread
    assert told["explained"] > 0.9
    assert project(rows)["points"] == told["points"], "the same map each time"


def test_a_lake_without_vectors_has_clusters_and_no_map(reader: LakeReader, keys: ViewKeys, pool: PoolIndex) -> None:
    told = cluster_map(reader, keys, pool)
    assert len(told["points"]["id"]) == told["pool"]
    assert sum(row["problems"] for row in told["clusters"]) == told["pool"]
    assert project([])["points"]["id"] == []


def test_stored_selections_are_compared(reader: LakeReader, keys: ViewKeys) -> None:
    told = stored_selections(reader, keys)
    own = told["selections"][0]
    assert (len(told["selections"]), own["own"], own["selector"]) == (3, True, "frontier")
    assert own["signal"] > max(row["signal"] for row in told["selections"][1:])
    overlap = {(row["first"], row["second"]): row["jaccard"] for row in told["overlap"]}
    assert all(overlap[row["selection_id"], row["selection_id"]] == 1 for row in told["selections"])


def test_training_has_curves_and_a_frontier_that_moves(reader: LakeReader, keys: ViewKeys) -> None:
    told = training(reader, keys)
    assert {"reward", "loss", "kl"} <= set(told["curves"])
    assert len(told["curves"]["reward"]) == 20
    assert sum(row["groups"] for row in told["drift"]) == 80
    assert all(row["dead"] + row["mixed"] + row["solved"] == row["groups"] for row in told["drift"])


def test_the_curriculum_is_told_along_its_length(reader: LakeReader, keys: ViewKeys, pool: PoolIndex) -> None:
    told = curriculum(reader, keys, pool)
    assert sum(band["n"] for band in told["bands"]) == len(pool.open_view("place IS NOT NULL").rows)
    assert min(band["n"] for band in told["bands"]) >= 8, "a stretch of fewer problems shows nothing but noise"
    assert told["bands"][0]["mean"] >= told["bands"][-1]["mean"], "this one goes from easy to hard"
    for place in range(len(told["bands"])):
        assert sum(shares[place] for shares in told["mix"].values()) == pytest.approx(1)
    assert [row["place"] for row in told["head"][:3]] == [0, 1, 2]


def test_costs_are_divided_by_outcome(reader: LakeReader, keys: ViewKeys) -> None:
    told = costs(reader, keys)
    scoring = next(row for row in told["paid"] if not row["from_training"])
    assert sum(row["tokens"] for row in told["outcomes"]) == scoring["tokens"]
    assert sum(row["attempts"] for row in told["lengths"]) == scoring["rollouts"]
    assert {row["width"] for row in told["lengths"]} == {100}, "bars of a round number of tokens, up to 2,048"
    assert max(row["bin"] for row in told["lengths"]) == 20


def test_a_lake_that_a_job_has_only_begun_is_shown(tmp_path: Path) -> None:
    """Attempts without scores are counted as they come, and nothing that is not there is an error."""
    write_lake(tmp_path / "lake", 40, attempted=10, steps=0)
    reader = LakeReader(tmp_path / "lake")
    whole = latest_keys(reader)
    begun = ViewKeys(pools=whole.pools, policy=whole.policy, sampler=whole.sampler)
    pool = PoolIndex(read_pool(reader, begun))
    assert len(pool.open_view("n_correct IS NOT NULL").rows) == 10
    nothing = PoolIndex.empty()
    assert overview(reader, ViewKeys(), nothing)["warnings"] == []
    assert difficulty(nothing)["sources"] == []
    assert curriculum(reader, ViewKeys(), nothing)["bands"] == []
    assert cluster_map(reader, ViewKeys(), nothing)["clusters"] == []
    assert training(reader, ViewKeys())["training"] == ""
    reader.close()


def test_every_address_answers(client: Any, pool: PoolIndex) -> None:
    for name in (
        "state",
        "overview",
        "pool",
        "difficulty",
        "clusters",
        "selectors",
        "curriculum",
        "training",
        "cost",
        "audit",
    ):
        assert client.get(name)
    (row,) = pool.page(pool.open_view("outcome = 'mixed'"), 0, 1)
    assert client.get("problem", id=row["id"])["problem"]["id"] == row["id"]
    assert client.ask("/api/problem?id=nobody")[0] == 400
    assert client.ask("/api/compare")[0] == 400, "a lake without a config cannot let selectors choose"
    assert client.ask("/api/nothing")[0] == 404


@pytest.mark.parametrize("strange", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_leave_every_view_whole(
    tmp_path: Path, strange: float, serve: Callable[[Path], Any]
) -> None:
    """As another tool, or another lake that was merged, may have stored them."""
    root = write_lake(tmp_path / "lake", 40, attempted=20, steps=10)
    with Lake(root) as lake:
        for table in ("scores", "selections", "clusters", "train_metrics", "verdicts", "rollouts"):
            rows = [
                {name: strange if isinstance(value, float) else value for name, value in row.items()}
                for row in lake.rows(f'SELECT * FROM "{table}" LIMIT 200')
            ]
            lake.append({table: [{**row, "id": f"bad-{row['id']}"} for row in rows]}, run="strange")
    client = serve(root)
    state = client.viewer.state
    assert state.fault == ""
    problem = state.reader.one("SELECT problem_id FROM selections WHERE kept LIMIT 1")["problem_id"]
    told = {name: client.ask(f"/api/{name}?id={problem}&problem={problem}") for name in [*ANSWERS, "audit"]}
    refused = {name: status for name, (status, _, _) in told.items() if status != 200}
    assert refused == dict.fromkeys(("rows", "compare", "forecast"), 400) | {"rows": 410}, told
    assert [row["value"] for row in told["difficulty"][1]["intervals"] if not isinstance(row["value"], float)] == []


def test_a_fault_of_the_page_is_one_line_and_no_traceback(
    client: Any, viewer: Any, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    def fail() -> None:
        raise TypeError("\x1b]0;a title\x07")

    monkeypatch.setattr(viewer.state, "once", lambda name, work: fail())
    status, told, headers = client.ask("/api/cost")
    assert status == 500
    assert told["error"].startswith("internal error of the viewer: TypeError at test_views.py:")
    assert headers["Content-Security-Policy"]
    assert "\x1b" not in capfd.readouterr().err
