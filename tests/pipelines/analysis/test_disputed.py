"""What is solved only leniently is disputed and never hard; the mode rereads stored verdicts, and costs no token."""

from collections.abc import Callable
from typing import Any

import pytest

from assay.core.types import GradingCase, Rollout, Verdict
from assay.pipelines.analysis import disputed
from assay.pipelines.analysis.compare_selectors import compare_selectors
from assay.pipelines.analysis.pass_at_k import estimate_pass_at_k
from assay.pipelines.analysis.report import collect_values
from assay.pipelines.analysis.show import collect_problem
from assay.pipelines.analysis.summary import collect_summary
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import read_side, side_ids
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.sampling.attempts import StoredRollouts, commit

READINGS = {  # strict outcome and lenient one of a problem's 4 attempts, by the problem's place
    0: [("wrong", "correct")] * 3 + [("wrong", None)],
    1: [("correct", None), ("wrong", "correct"), ("wrong", None), ("wrong", None)],
}
USUAL = [("correct", None), ("correct", None), ("wrong", None), ("wrong", None)]


@pytest.fixture
def judged(context: Callable[..., RunContext], resumed: Callable[..., RunContext]) -> Callable[..., RunContext]:
    """A run with stored attempts whose first problem is right only leniently, and the second in one attempt of four."""
    resumed("split")

    def make(**changes: Any) -> RunContext:
        run_context = context(**changes)
        problems, labels = read_side(run_context, run_stages(run_context, "split"), "train")
        attempts = StoredRollouts(run_context, problems, labels)
        drawn, told = list[Rollout](), list[Verdict]()
        for place, id_ in enumerate(sorted(problems)) if not attempts.stored else ():
            (rollouts,) = run_context.engine.generate([attempts.request(id_, (0, 1, 2, 3))])
            cases = [GradingCase(problems[id_], labels[id_], rollout) for rollout in rollouts]
            version = run_context.judge.version("math")
            pairs = zip(cases, READINGS.get(place, USUAL), strict=True)
            drawn += rollouts
            told += [
                Verdict.of(case, verifier="math", version=version, outcome=outcome, lenient=lenient)  # type: ignore[arg-type]
                for case, (outcome, lenient) in pairs
            ]
        if drawn:
            commit(run_context, drawn, told)
        return run_context

    return make


def ids(context: RunContext) -> list[str]:
    return side_ids(context, run_stages(context, "split"), "train")


def test_a_problem_that_is_right_only_leniently_is_flagged_and_dropped_as_disputed(judged) -> None:
    run_context = judged(select={"budget": 32, "selector": "uniform"})
    results = run_stages(run_context)
    first, second = ids(run_context)[:2]
    flagged = run_context.lake.rows("SELECT problem_id FROM scores WHERE disputed")
    assert [row["problem_id"] for row in flagged] == [first]
    dropped = {
        row["problem_id"]: row["reason"]
        for row in run_context.lake.rows("SELECT problem_id, reason FROM selections WHERE NOT kept")
    }
    assert dropped == {first: "disputed"}
    assert second not in dropped
    reason = {"stage": "select", "reason": "disputed", "rows": 1, "example": first}
    assert reason in collect_summary(run_context, results)["dropped"]


@pytest.mark.parametrize("selector", ["hardest", "frontier", "informative"])
def test_no_selector_takes_a_disputed_problem_for_a_hard_one(judged, selector: str) -> None:
    run_context = judged(select={"budget": 32, "selector": selector})
    run_stages(run_context)
    selected = {row["problem_id"] for row in run_context.lake.rows("SELECT problem_id FROM selections WHERE kept")}
    assert ids(run_context)[0] not in selected
    assert all(
        ids(run_context)[0] not in row["dropped"].get("too_hard", ())
        for row in compare_selectors(run_context)["selections"]
    )


def test_the_lenient_mode_reads_the_same_verdicts_without_a_token(judged) -> None:
    strict, lenient = judged(), judged(grade={"mode": "lenient"})
    strictly, leniently = run_stages(strict), run_stages(lenient)
    assert (lenient.meter.tokens, lenient.meter.samples) == (0, 0)
    first, second = ids(strict)[:2]
    for run_context, results, right in ((strict, strictly, (0, 1)), (lenient, leniently, (3, 2))):
        scoring = results.rows_of("score")
        rows = {
            row["problem_id"]: row["n_correct"]
            for row in run_context.lake.rows("SELECT problem_id, n_correct FROM scores WHERE scoring_id = ?", [scoring])
        }
        assert (rows[first], rows[second]) == right
    assert strictly.of("score").key != leniently.of("score").key
    dropped = lenient.lake.rows(
        "SELECT reason FROM selections WHERE selection_id = ? AND problem_id = ?", [leniently.rows_of("select"), first]
    )
    assert [row["reason"] for row in dropped] != ["disputed"]
    again = judged()
    assert all(outcome.reused for outcome in run_stages(again))


def test_examples_and_counts_are_told_in_summary_report_and_one_sentence(judged) -> None:
    run_context = judged()
    results = run_stages(run_context)
    summarized = collect_summary(run_context, results)["disputed"]
    assert summarized["problems"] == 1
    assert (summarized["examples"][0]["n_correct_lenient"], summarized["examples"][0]["n"]) == (3, 4)
    assert collect_values(run_context)["disputed"] == summarized
    (row,) = collect_summary(run_context, results)["difficulty"]
    assert (row["scored"], row["histogram"]["0"], sum(row["histogram"].values())) == (32, 0, 31)
    assert sum(collect_values(run_context)["histogram"]["problems"]) == 31
    assert disputed.disputed_sentence(summarized).startswith("1 problems are disputed")
    assert disputed.summarize_stored(judged())["problems"] == 1


def test_pass_rates_count_strictly_and_show_the_lenient_count_beside_it(judged) -> None:
    run_context = judged()
    run_stages(run_context)
    first, second = ids(run_context)[:2]
    query = "SELECT n_correct, n_wrong, n_correct_lenient, disputed FROM {} WHERE problem_id = ?"
    assert [tuple(run_context.lake.rows(query.format("pass_rates"), [id_])[0].values()) for id_ in (first, second)] == [
        (0, 4, 3, True),
        (1, 3, 2, False),
    ]
    assert tuple(run_context.lake.rows(query.format("rates('lenient')"), [first])[0].values()) == (3, 1, 3, True)
    assert run_context.lake.rows(
        "SELECT counted('wrong', 'correct', 'lenient') AS a, counted('wrong', NULL, 'lenient') AS b"
    ) == [{"a": "correct", "b": "wrong"}]
    assert collect_problem(run_context.lake, first)["attempts"][0]["lenient"] == "correct"


def test_pass_at_k_follows_the_mode(judged) -> None:
    run_context = judged()
    run_stages(run_context)
    lenient = judged(grade={"mode": "lenient"})
    first = ids(run_context)[0]
    assert [
        {row["problem_id"]: row["pass@1"] for row in estimate_pass_at_k(graded, [1])["rows"]}[first]
        for graded in (run_context, lenient)
    ] == [0.0, 0.75]


def test_verdicts_against_an_earlier_gold_answer_are_not_counted_among_the_examples(judged) -> None:
    run_context = judged()
    results = run_stages(run_context)
    first = ids(run_context)[0]
    before = disputed.summarize_disputed(run_context, results)
    run_context.lake.append(
        {
            "labels": [{**run_context.lake.rows("SELECT * FROM labels WHERE problem_id = ?", [first])[0], "id": "old"}],
            "verdicts": [
                {**row, "id": f"old{row['id']}", "label_id": "old"}
                for row in run_context.lake.rows(
                    "SELECT * FROM verdicts WHERE label_id IN (SELECT id FROM labels WHERE problem_id = ?)", [first]
                )
            ],
        },
        run="r",
    )
    after = disputed.summarize_disputed(run_context, results)
    assert after == before
    (query,) = [text for text in collect_summary(run_context, results)["queries"] if "LIMIT 5" in text]
    assert len(run_context.lake.rows(query.replace("LIMIT 5", f"AND r.problem_id = '{first}'"))) == 4
