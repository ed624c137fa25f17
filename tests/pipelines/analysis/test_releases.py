"""Releases: kept under a name, never changed, and compared."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.core.errors import ConfigError, LakeError
from assay.pipelines.analysis.releases import Release, compare_releases, present_release, stored_release, tag_release
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.stores.lake import Lake
from assay.stores.maintenance.compaction import compact, forget
from assay.stores.maintenance.merging import merge_lakes

Made = Callable[..., RunContext]


def test_a_release_holds_every_problem_with_label_rate_and_choice(walked: Made) -> None:
    context = walked()
    result = tag_release(context, "v1", note="before the summer")
    assert result == {"tag": "v1", "content": result["content"], "problems": 40, "kept": 10, "is_new": True}
    (header,) = context.lake.rows("SELECT * FROM tags")
    assert (header["note"], header["policy"], header["problems"]) == ("before the summer", context.policy.revision, 40)
    assert json.loads(header["config"])["select"]["budget"] == 10
    rows = context.lake.rows("SELECT * FROM tag_rows")
    assert {row["side"]: sum(r["side"] == row["side"] for r in rows) for row in rows} == {"train": 32, "held_out": 8}
    assert all((row["n_correct"] is None) == (row["side"] == "held_out") for row in rows)
    assert all(row["label_id"] and row["verifier"] != "" for row in rows)


def test_a_name_is_given_once_and_the_same_release_twice_is_one(walked: Made, context: Made) -> None:
    run_context = walked()
    first = tag_release(run_context, "v1")
    assert tag_release(run_context, "v1") == {**first, "is_new": False}
    other = context(select={"budget": 5})
    run_stages(other)
    with pytest.raises(ConfigError, match="releases never change"):
        tag_release(other, "v1")
    assert run_context.lake.rows("SELECT count(*) AS n FROM tag_rows") == [{"n": 40}]


def test_what_is_not_selected_yet_is_no_release(context: Made) -> None:
    run_context = context()
    run_stages(run_context, "score")
    with pytest.raises(ConfigError, match="a release needs embed, which is not done"):
        tag_release(run_context, "v1")


@pytest.mark.parametrize("name", ["", " v1", "plan.toml"])
def test_a_name_that_would_be_read_as_something_else_is_refused(walked: Made, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot name a release"):
        tag_release(walked(), name)


def test_compaction_carries_a_release_and_deleting_its_rows_is_refused(walked: Made) -> None:
    run_context = walked()
    tag_release(run_context, "v1")
    before = stored_release(run_context.lake, "v1")
    compact(run_context.lake, keep_s=0)
    assert stored_release(run_context.lake, "v1") == before
    for by, value in (("source", "sums"), ("policy", run_context.policy.revision)):
        with pytest.raises(LakeError, match="releases hold these rows: v1"):
            forget(run_context.lake, by, value)
    assert run_context.lake.rows("SELECT count(*) AS n FROM problems") == [{"n": 40}]
    removed = forget(run_context.lake, "source", "sums", tagged=True).removed
    assert removed["tag_rows"] == 40
    assert stored_release(run_context.lake, "v1").rows == {}


def test_a_change_of_the_selection_and_of_the_pool_is_told(walked: Made, context: Made, sums: Path) -> None:
    tag_release(walked(), "v1")
    with sums.open("a") as file:
        file.write(json.dumps({"prompt": "What is 500 + 1?", "answer": "501"}) + "\n")
    other = context(select={"budget": 4}, source=[{"type": "files", "paths": str(sums)}])
    run_stages(other)
    changes = compare_releases(stored_release(other.lake, "v1"), present_release(other, "plan"))
    assert (changes["problems"]["added"], changes["problems"]["removed"]) == (1, 0)
    assert changes["selection"]["a"] == 10
    assert changes["selection"]["b"] == 4
    assert changes["selection"]["left"] - changes["selection"]["entered"] == 6
    assert sum(changes["selection"]["reasons"].values()) == changes["selection"]["left"]
    assert changes["labels"]["changed"] == 0
    assert changes["verifiers"] == []


def release(name: str, *rows: dict[str, object]) -> Release:
    usual = {"label_id": "l", "verifier": "math@1", "beta_a": None, "beta_b": None}
    usual |= {"kept": True, "weight": 1.0, "reason": ""}
    by_problem = {str(row["problem_id"]): {**usual, **row} for row in rows}
    return Release(name, {"policy": name}, by_problem, {"l": "4", "m": "5"})


def test_labels_verifiers_and_rates_that_changed_are_counted_with_examples() -> None:
    before = release(
        "a",
        {"problem_id": "p", "beta_a": 2.0, "beta_b": 20.0},
        {"problem_id": "q", "beta_a": 5.0, "beta_b": 5.0},
        {"problem_id": "r", "beta_a": 5.0, "beta_b": 5.0},
        {"problem_id": "s"},
    )
    after = release(
        "b",
        {"problem_id": "p", "beta_a": 20.0, "beta_b": 2.0, "label_id": "m"},
        {"problem_id": "q", "beta_a": 6.0, "beta_b": 5.0, "verifier": "math@2"},
        {"problem_id": "r", "beta_a": 5.0, "beta_b": 5.0, "verifier": "math@2", "weight": 2.0},
        {"problem_id": "s", "kept": False, "reason": "too_easy"},
    )
    changes = compare_releases(before, after)
    assert changes["labels"] == {"changed": 1, "examples": [{"problem_id": "p", "a": "4", "b": "5"}]}
    assert changes["verifiers"] == [{"a": "math@1", "b": "math@2", "problems": 2}]
    rates = changes["rates"]
    assert (rates["compared"], rates["changed"], rates["up"], rates["down"]) == (3, 2, 1, 0)
    assert rates["mean_change"] == pytest.approx((18 / 22 + 6 / 11 - 0.5) / 3)
    assert rates["examples"][0]["problem_id"] == "p"
    assert rates["examples"][0]["chance_up"] > 0.999
    assert changes["selection"]["reasons"] == {"too_easy": 1}
    assert changes["selection"]["reweighted"] == 1
    assert changes["policy"] == ["a", "b"]


def test_releases_come_along_in_a_merge_unless_the_name_is_taken(walked: Made, tmp_path: Path) -> None:
    run_context = walked()
    tag_release(run_context, "v1")
    with Lake(tmp_path / "empty") as lake:
        assert merge_lakes(lake, run_context.lake).added["tag_rows"] == 40
        assert stored_release(lake, "v1").rows == stored_release(run_context.lake, "v1").rows
    taken = {"id": "mine", "tag": "v1", "content": "x", "problems": 0, "kept": 0, "time": 0.0}
    with Lake(tmp_path / "taken") as lake:
        lake.append({"tags": [taken], "tag_rows": [{"id": "row", "tag": "v1", "problem_id": "p", "kept": True}]})
        assert merge_lakes(lake, run_context.lake).withheld["tag_rows"] == 40
        assert [row["id"] for row in lake.rows("SELECT id FROM tags")] == ["mine"]


def test_an_unknown_release_is_answered_with_its_neighbours(walked: Made) -> None:
    run_context = walked()
    tag_release(run_context, "v1")
    with pytest.raises(ConfigError, match=r"no release here is called 'v2'.*'v1'"):
        stored_release(run_context.lake, "v2")
