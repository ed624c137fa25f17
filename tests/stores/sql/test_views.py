"""What the views count, checked on paper; and what two writers added at one moment is there once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.core.errors import LakeError
from assay.core.identity import hash_file
from assay.maths.beta.posterior import interval
from assay.maths.rl.group_signal import expected_signal
from assay.stores.lake import Lake
from assay.stores.maintenance.compaction import compact
from assay.stores.sql import intervals
from assay.stores.sql.views import FileGroup, connect, create_defined, create_table, table_query
from assay.stores.tables import schemas

Rows = Callable[..., dict[str, list[dict[str, Any]]]]


def rate(lake: Lake) -> dict[str, Any]:
    (row,) = lake.rows("SELECT * FROM pass_rates")
    return row


def test_three_right_of_four_and_two_cut_are_bounded_by_three_and_five_sixths(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "lake") as lake:
        lake.append(attempted("p", "cccwtte"))
        row = rate(lake)
    assert [row[name] for name in ("n_correct", "n_wrong", "n_truncated", "n_error", "n")] == [3, 1, 2, 1, 7]
    assert (row["beta_a"], row["beta_b"], row["mean"]) == (3.5, 1.5, 0.7)
    assert (row["rate_if_truncated_wrong"], row["rate_if_truncated_right"]) == (3 / 6, 5 / 6)


def test_ends_and_signal_are_those_of_the_maths(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "lake") as lake:
        lake.append(attempted("p", "cccwtte"))
        row = rate(lake)
        (called,) = lake.rows("SELECT signal(3.5, 1.5, 4) AS four")
    low, high = interval(3, 1)
    assert (row["low"], row["high"]) == (float(low), float(high))
    assert row["p_mixed_8"] == pytest.approx(float(expected_signal(3.5, 1.5, 8)), abs=1e-12)
    assert row["p_mixed_16"] == pytest.approx(float(expected_signal(3.5, 1.5, 16)), abs=1e-12)
    assert called["four"] == pytest.approx(float(expected_signal(3.5, 1.5, 4)), abs=1e-12)


def test_nothing_graded_has_no_bounds_and_the_whole_interval(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "lake") as lake:
        lake.append(attempted("p", "e"))
        row = rate(lake)
    assert (row["rate_if_truncated_wrong"], row["rate_if_truncated_right"], row["low"], row["high"]) == (
        None,
        None,
        0.0,
        1.0,
    )


def test_counts_beyond_the_usual_get_their_ends_from_the_next_catalogue(tmp_path: Path, attempted: Rows) -> None:
    many = intervals.MOST + 1
    with Lake(tmp_path / "lake") as lake:
        lake.append(attempted("p", "c" * many))
        assert rate(lake)["low"] is None
        lake.catalogue()
        assert rate(lake)["low"] == pytest.approx(float(interval(many, 0)[0]))


def test_the_frontier_holds_what_half_of_all_groups_learn_from(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "lake") as lake:
        turn = [{"role": "user", "content": "2 + 2?"}]
        lake.append(
            {
                "problems": [
                    {"id": id_, "messages": turn, "source": "sums", "characters": 6} for id_ in ("even", "solved")
                ]
            }
        )
        lake.append(attempted("even", "ccww"))
        lake.append(attempted("solved", "c" * 32))
        assert lake.rows("SELECT problem_id, prompt FROM frontier") == [{"problem_id": "even", "prompt": "2 + 2?"}]


def test_lineage_names_the_run_of_a_row_and_whether_it_ended(
    tmp_path: Path, labels: Callable[..., dict[str, Any]]
) -> None:
    with Lake(tmp_path / "lake") as lake:
        lake.append(
            {"labels": [labels("a")], "runs": [{"id": "s", "event": "start", "command": "curate run", "time": 5.0}]},
            run="r",
        )
        asked = "SELECT \"table\", command, started, ended FROM lineage WHERE id = 'a'"
        assert lake.rows(asked) == [{"table": "labels", "command": "curate run", "started": 5.0, "ended": None}]


@pytest.mark.parametrize("table", ["labels", "rollouts"])
def test_a_row_that_two_writers_added_at_once_is_there_once(
    tmp_path: Path, attempted: Rows, labels: Callable[..., dict[str, Any]], table: str
) -> None:
    rows = {"labels": {"labels": [labels("a"), labels("b")]}, "rollouts": attempted("p", "cw")}[table]
    with Lake(tmp_path / "lake") as one, Lake(tmp_path / "lake") as two:
        one.append({"labels": [labels("z")]})
        assert two.rows("SELECT count(*) AS n FROM labels")[0]["n"] == 1
        fresh = {name: one._typed(name, given, "r") for name, given in rows.items()}
        two._refresh()
        one.commit(fresh, "one")
        two.commit(fresh, "two")  # two looked before one committed
        for lake in (one, two):
            assert lake.has_duplicates()
            assert lake.rows(f"SELECT count(*) AS n FROM {table} WHERE id <> 'z'")[0]["n"] == 2
        assert one.query("SELECT * FROM pass_rates").num_rows == (table == "rollouts")
        with duckdb.connect(str(one.catalogue()), read_only=True) as other:
            assert other.sql(f"SELECT count(*) FROM {table} WHERE id <> 'z'").fetchall() == [(2,)]


def test_writers_that_saw_each_other_cost_no_folding(tmp_path: Path, labels: Callable[..., dict[str, Any]]) -> None:
    with Lake(tmp_path / "lake") as one, Lake(tmp_path / "lake") as two:
        for n in range(3):
            one.append({"labels": [labels(f"a{n}")]})
            two.append({"labels": [labels(f"b{n}"), labels(f"a{n}")]})
        assert not one.has_duplicates()
        assert one.rows("SELECT count(*) AS n FROM labels")[0]["n"] == 6


def test_what_another_writer_committed_meanwhile_is_not_added_again(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "lake") as one, Lake(tmp_path / "lake") as two:
        assert two.rows("SELECT * FROM rollouts") == []
        one.append(attempted("p", "cw"))
        two._refresh()
        assert two.append(attempted("p", "cwc")) == 3
        assert one.rows("SELECT count(*) AS n FROM rollouts")[0]["n"] == 3


def test_who_has_caught_up_is_held_only_against_what_comes_after(tmp_path: Path, attempted: Rows) -> None:
    rows = attempted("p", "cw")
    with Lake(tmp_path / "lake") as mine, Lake(tmp_path / "lake") as other:
        other.append(rows)
        mine.mark_known()
        assert mine.ids("rollouts", ["p-rev-0"], among=frozenset()) == set()
        other.append(later := attempted("q", "c"))
        mine.entries()  # looks; an append does by itself once a second
        assert mine.append(later) == 0, "committed by another since then"
        assert mine.append(attempted("r", "c")) == 3
        compact(other, run="c", keep_s=0)
        mine.entries()
        assert mine.append(attempted("q", "cw")) == 3, "the one that lies in a compacted file now is still seen"
        assert mine.rows("SELECT count(*) AS n, count(DISTINCT id) AS ids FROM rollouts") == [{"n": 5, "ids": 5}]


def test_a_catalogue_whose_lake_has_moved_is_known(tmp_path: Path, labels: Callable[..., dict[str, Any]]) -> None:
    with Lake(tmp_path / "old") as lake:
        lake.append({"labels": [labels("a")]})
        lake.catalogue()
        assert not lake.has_moved()
    (tmp_path / "old").rename(tmp_path / "new")
    with Lake(tmp_path / "new") as lake:
        assert lake.has_moved()
        with duckdb.connect(str(lake.catalogue()), read_only=True) as other:
            assert other.sql("SELECT count(*) FROM labels").fetchall() == [(1,)]


def test_a_catalogue_that_cannot_be_put_in_place_is_one_line_and_leaves_nothing(
    tmp_path: Path, labels: Callable[..., dict[str, Any]]
) -> None:
    with Lake(tmp_path / "lake") as lake:
        lake.append({"labels": [labels("a")]})
        (tmp_path / "lake" / "assay.duckdb" / "in the way").mkdir(parents=True)
        with pytest.raises(LakeError, match="what was committed before is safe"):
            lake.catalogue()
    assert not list((tmp_path / "lake").glob(".assay.*"))


def test_a_lake_of_format_1_is_read_with_the_new_columns_null_and_grows_in_format_3(
    tmp_path: Path, attempted: Rows
) -> None:
    import json

    import pyarrow.parquet as pq

    with Lake(tmp_path / "lake") as lake:
        lake.append(attempted("p", "cw"))
    (entry,) = (tmp_path / "lake" / "manifest").glob("*.json")
    tree = {key: value for key, value in json.loads(entry.read_text()).items() if key in ("name", "run", "files")}
    for file in tree["files"]:
        if file["table"] == "rollouts":
            path = tmp_path / "lake" / file["path"]
            pq.write_table(pq.read_table(path).drop_columns(["policy_last"]), path)
            file |= {"bytes": path.stat().st_size, "sha256": hash_file(path)}
    entry.write_text(json.dumps({**tree, "format": 1}))
    (tmp_path / "lake" / "lake.json").write_text('{"format": 1}')
    with Lake(tmp_path / "lake") as lake:
        assert lake.older_format == 1
        lake.append(attempted("q", "c"))
        assert lake.rows("SELECT policy_last, count(*) AS n FROM rollouts GROUP BY ALL") == [
            {"policy_last": None, "n": 3}
        ]


def trained(attempted: Rows, lake: Lake, *steps: tuple[int, str, str]) -> None:
    """Steps of one training on the problem p: (step, policy, outcomes)."""
    for step, policy, outcomes in steps:
        log = {"id": f"{policy}-log", "training": "t", "step": step, "name": "reward", "value": 0.5, "policy": policy}
        lake.append({**attempted("p", outcomes, policy=policy), "train_metrics": [log]})


def test_fresh_rates_pool_the_last_steps_with_a_discount(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "lake") as lake:
        trained(attempted, lake, (0, "a", "wwww"), (1, "b", "ccww"), (2, "c", "cccw"))
        (pooled,) = lake.rows("SELECT * FROM fresh(2, 0.5)")
        (whole,) = lake.rows("SELECT * FROM recent_pass_rates")
    assert (pooled["beta_a"], pooled["beta_b"], pooled["n"], pooled["last_step"]) == (
        0.5 + 3 + 0.5 * 2,
        0.5 + 1 + 0.5 * 2,
        8,
        2,
    )
    assert whole["beta_a"] == pytest.approx(0.5 + 3 + 0.98 * 2)
    assert whole["beta_b"] == pytest.approx(0.5 + 1 + 0.98 * 2 + 0.98**2 * 4)


def test_a_superseded_attempt_and_a_guided_rollout_count_in_no_view(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "lake") as lake:
        trained(attempted, lake, (0, "a", "cc"), (1, "b", "ww"), (1, "b again", "wc"))
        guided = attempted("p", "c", policy="b again", sampler="guided")
        guided["rollouts"] = [{**row, "id": "g", "guided": True} for row in guided["rollouts"]]
        guided["verdicts"] = [{**row, "id": "vg", "rollout_id": "g"} for row in guided["verdicts"]]
        lake.append(
            {
                "rollouts": guided["rollouts"],
                "verdicts": guided["verdicts"],
                "superseded": [{"id": "s", "policy": "b", "training": "t"}],
            }
        )
        (fresh,) = lake.rows("SELECT * FROM fresh(9, 1)")
        rates = {row["policy"]: (row["n_correct"], row["n_wrong"]) for row in lake.rows("SELECT * FROM pass_rates")}
        assert len(lake.rows("SELECT * FROM rollouts")) == 7  # all stay
    assert (fresh["beta_a"], fresh["beta_b"]) == (3.5, 1.5)
    assert rates == {"a": (2, 0), "b again": (1, 1)}


def test_verdicts_of_an_older_lake_have_no_lenient_outcome_and_count_as_they_did(
    tmp_path: Path, attempted: Rows
) -> None:
    rows = attempted("p", "ccw")["verdicts"]
    pq.write_table(pa.Table.from_pylist([{**row, "run": "r"} for row in rows]), tmp_path / "old.parquet")
    pq.write_table(
        pa.Table.from_pylist([{**row, "id": f"2{row['id']}", "lenient": "correct", "run": "r"} for row in rows]),
        tmp_path / "new.parquet",
    )
    groups = [FileGroup((str(tmp_path / f"{name}.parquet"),)) for name in ("old", "new")]
    with connect() as connection:
        create_table(connection, "verdicts", table_query(schemas()["verdicts"], groups))
        create_defined(connection, "counted")
        right = "counted(outcome, lenient, 'lenient') = 'correct'"
        query = f"SELECT starts_with(id, '2') AS new, count(*) FILTER ({right}) FROM verdicts GROUP BY new"
        assert dict(connection.execute(query).fetchall()) == {False: 2, True: 3}


def test_rates_of_either_mode_stand_in_the_catalogue_for_other_tools(tmp_path: Path, attempted: Rows) -> None:
    rows = attempted("p", "www")
    rows["verdicts"][0]["lenient"] = "correct"
    with Lake(tmp_path / "lake") as lake:
        lake.append(rows)
        lake.catalogue()
    with duckdb.connect(str(tmp_path / "lake" / "assay.duckdb"), read_only=True) as other:
        strict = other.execute("SELECT n_correct, n_wrong, n_correct_lenient, disputed FROM pass_rates").fetchall()
        lenient = other.execute(
            "SELECT n_correct, n_wrong, n_correct_lenient, disputed FROM rates('lenient')"
        ).fetchall()
    assert (strict, lenient) == ([(0, 3, 1, True)], [(1, 2, 1, True)])


def test_of_scores_written_twice_those_with_more_attempts_are_current(tmp_path: Path) -> None:
    few = {"scoring_id": "s", "problem_id": "p", "n_correct": 1, "n_wrong": 1, "n_truncated": 0, "n_error": 0}
    with Lake(tmp_path / "lake") as lake:
        lake.append(
            {"scores": [{**few, "id": "a"}, {**few, "id": "b", "n_wrong": 7}, {**few, "id": "c", "scoring_id": "t"}]}
        )
        assert [row["id"] for row in lake.rows("SELECT id FROM current_scores ORDER BY id")] == ["b", "c"]


def test_present_verdicts_are_those_of_the_labels_and_versions_that_are_named(tmp_path: Path, attempted: Rows) -> None:
    rows = attempted("p", "cw")
    rows["verdicts"] += [
        {**row, "id": f"2{row['id']}", "version": "2", "lenient": "correct"} for row in rows["verdicts"]
    ]
    query = "SELECT sample, counts, counted_reward FROM present_verdicts(?, ?, ?, ?, ?) ORDER BY sample"
    with Lake(tmp_path / "lake") as lake:
        lake.append(rows)
        first = lake.rows(query, ["lenient", "rev", "s", ["l-p"], ["math@1"]])
        assert [(row["sample"], row["counts"]) for row in first] == [(0, "correct"), (1, "wrong")]
        lenient = lake.rows(query, ["lenient", "rev", "s", ["l-p"], ["math@2"]])
        assert [(row["counts"], row["counted_reward"]) for row in lenient] == [("correct", 1.0)] * 2
        assert lake.rows(query, ["strict", "rev", "s", ["another"], ["math@1"]]) == []


def test_what_training_sampled_is_told_by_step_and_not_among_the_pass_rates(tmp_path: Path, attempted: Rows) -> None:
    with Lake(tmp_path / "lake") as lake:
        lake.append(attempted("p", "cw"))
        for step, outcomes in enumerate(("www", "ccw")):
            rows = attempted("p", outcomes, policy=f"step {step}")
            log = {"id": f"log {step}", "training": "t", "step": step, "name": "reward", "policy": f"step {step}"}
            lake.append(
                {**rows, "rollouts": [{**row, "step": step} for row in rows["rollouts"]], "train_metrics": [log]}
            )
        assert [row["policy"] for row in lake.rows("SELECT policy FROM pass_rates")] == ["rev"]
        told = lake.rows("SELECT training, step, n, n_correct, mean FROM training_pass_rates ORDER BY step")
    assert [tuple(row.values()) for row in told] == [("t", 0, 3, 0, 0.5 / 4), ("t", 1, 3, 2, 2.5 / 4)]
