"""Graded rewards from a verifier to a selection, and reward terms that are stored, changed and worked out again without a token."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.cli.curate.summary import print_summary
from assay.core.errors import ConfigError
from assay.core.types import Counts, GradedAttempts
from assay.pipelines.analysis.compare_selectors import compare_selectors
from assay.pipelines.analysis.curriculum_simulation import simulate_curricula
from assay.pipelines.analysis.selection_bias import measure_selection_bias
from assay.pipelines.analysis.summary import collect_summary
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import read_side
from assay.pipelines.data.scores import current_scores
from assay.pipelines.loop.graded_evidence import read_training_rewards
from assay.pipelines.loop.refresh import EarlierScore, plan_rescoring
from assay.pipelines.runner.stages import run_planned, run_regrade, run_stages
from assay.scorers.pass_rate import PassRate

Made = Callable[..., RunContext]
LAB = '''
def closeness(data_source, solution_str, ground_truth, extra_info):
    """.9 for the right sum, and for another a part of it that belongs to the problem."""
    gold = int(ground_truth)
    return 0.9 if int(solution_str.split()[-1]) == gold else 0.9 * (gold % 5) / 5


closeness.graded = True
closeness.evaluates_text = False  # one process judges many texts
'''


def by_closeness(sums: Path, correct_at: float | None) -> dict[str, Any]:
    """What a plan changes so that its rewards are 0 to .9."""
    name = "python:lab_graded:closeness"
    source = {"type": "files", "paths": str(sums), "verifier": name}
    settings = {} if correct_at is None else {name: {"correct_at": correct_at}}
    return {"source": [source], "clean": {"filters": []}, "grade": {"workers": 1, "settings": settings}}


@pytest.fixture(scope="module", autouse=True)
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("lab")
    (folder / "lab_graded.py").write_text(LAB)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield


@pytest.fixture
def graded(context: Made, common_sums: Path) -> Made:
    """Opens a plan whose rewards are 0 to .9."""
    return lambda correct_at=0.95, **changes: context(**by_closeness(common_sums, correct_at), **changes)


@pytest.fixture
def attempted(resumed: Made, graded: Made, common_sums: Path) -> Made:
    """Opens it on a lake that holds four graded attempts at each problem."""
    resumed("score", **by_closeness(common_sums, 0.95))
    return graded


def scores(opened: RunContext) -> dict[str, dict[str, Any]]:
    results = run_stages(opened, "score")
    return {row["problem_id"]: row for row in current_scores(opened, results.rows_of("score"))}


def test_a_graded_verifier_without_a_threshold_is_refused(graded: Made) -> None:
    with pytest.raises(ConfigError, match="correct_at"):
        run_stages(graded(None), "score")


def test_scores_carry_the_mean_reward_with_its_interval_and_histogram(attempted: Made) -> None:
    rows = scores(attempted())
    assert {row["n_correct"] for row in rows.values()} == {0}
    assert len({row["value"] for row in rows.values()}) == 1  # by counts all problems are alike
    assert len({row["reward_mean"] for row in rows.values()}) > 5
    plain = [row for row in rows.values() if row["rewards"] is None]  # whose own rewards are all 0
    assert 0 < len(plain) < 8
    for row in (row for row in rows.values() if row["rewards"] is not None):
        assert 0 <= row["reward_low"] <= row["reward_mean"] <= row["reward_high"] <= 1
        assert sum(one["n"] for one in row["rewards"]) == 4
        mean = sum(one["reward"] * one["n"] for one in row["rewards"]) / 4
        assert row["reward_mean"] == pytest.approx(mean)


def test_the_threshold_decides_what_is_correct_and_another_one_is_another_verdict(graded: Made) -> None:
    low, high = graded(0.4), graded(0.95)
    assert low.judge.version("python:lab_graded:closeness") != high.judge.version("python:lab_graded:closeness")
    scores(high)
    spent = high.meter.tokens
    assert sum(row["n_correct"] for row in scores(low).values()) > 0
    assert (spent > 0, low.meter.tokens) == (True, 0)


def test_selection_takes_the_problems_whose_rewards_differ(attempted: Made) -> None:
    opened = attempted(train={"objective": "dr_grpo"}, select={"cluster_quota": "none", "budget": 8})
    results = run_stages(opened, "select")
    rows = {row["problem_id"]: row for row in current_scores(opened, results.rows_of("score"))}
    query = "SELECT problem_id FROM selections WHERE selection_id = ? AND kept"
    kept = {row["problem_id"] for row in opened.lake.rows(query, [results.rows_of("select")])}
    spread = [rows[id_]["reward_sd"] or 0.0 for id_ in kept]
    others = [row["reward_sd"] or 0.0 for id_, row in rows.items() if id_ not in kept]
    assert len(kept) == 8
    assert sum(spread) / len(spread) > 1.5 * sum(others) / len(others)


@pytest.mark.parametrize("design", ["adaptive", "two_stage"])
def test_attempts_are_allocated_by_graded_rewards(attempted: Made, design: str) -> None:
    score = {
        "allocation": design,
        "prior": "fitted",
        "min_attempts": 2,
        "max_attempts": 12,
        "wave_fraction": 0.25,
        "stop_gain": 0.0,
    }
    opened = attempted(score={"n": 4, **score}, train={"objective": "dr_grpo"}, select={"budget": 6})
    rows = scores(opened)
    numbers = {row["n_wrong"] for row in rows.values()}
    assert len(numbers) > 1  # by counts alone all problems would be alike
    again = attempted(score={"n": 4, **score}, train={"objective": "dr_grpo"}, select={"budget": 6})
    assert scores(again).keys() == rows.keys()
    assert again.meter.tokens == 0


def test_rewards_of_0_and_1_leave_the_new_columns_empty(context: Made) -> None:
    rows = scores(context())
    assert {row[name] for row in rows.values() for name in ("reward_mean", "reward_sd", "reward_low", "rewards")} == {
        None
    }


def test_terms_are_stored_and_a_changed_term_costs_no_token(context: Made) -> None:
    terms = {"format": 0.5, "length": 0.25, "format_pattern": "answer"}
    first = context(train={"reward": terms})
    rows = scores(first)
    stored = first.lake.rows(
        "SELECT term, count(*) AS n, min(value) AS low, max(value) AS high FROM reward_terms GROUP BY 1"
    )
    assert {row["term"]: row["n"] for row in stored} == {"format": 32 * 4, "length": 32 * 4}
    for row in rows.values():  # every text holds "answer", and is far below the cap of 16
        share = row["n_correct"] / 4
        assert row["reward_mean"] == pytest.approx(share + 0.5)
    second = context(train={"reward": {**terms, "correctness": 2.0, "format_pattern": "boxed"}})
    changed = scores(second)
    assert second.meter.tokens == 0
    means = {id_: row["reward_mean"] for id_, row in changed.items()}  # null where all rewards are 0
    assert means == {id_: row["n_correct"] / 2 or None for id_, row in rows.items()}


def test_regrade_works_out_the_terms_of_stored_rollouts(context: Made) -> None:
    scores(context())
    opened = context(train={"reward": {"language": 0.1}})
    assert run_regrade(opened)["terms"] == 32 * 4
    assert opened.lake.rows("SELECT DISTINCT term FROM reward_terms") == [{"term": "language"}]
    assert run_regrade(opened)["terms"] == 0


def test_a_problems_score_does_not_depend_on_the_rewards_of_others(graded: Made) -> None:
    attempts = {"a": ((0.0, "wrong"), (1.0, "correct")), "b": ((0.4, "wrong"),)}

    class Provider:
        reward_bounds = (0.0, 1.0)

        def draw(self, n_attempts: Any) -> dict[str, Counts]:
            return {id_: Counts(sum(o == "correct" for _, o in attempts[id_]), 1) for id_ in n_attempts}

        def attempt_rewards(self, n_attempts: Any) -> dict[str, GradedAttempts]:
            return {id_: GradedAttempts("s", attempts[id_]) for id_ in n_attempts}

    together = PassRate(n=2).score(["a", "b"], Provider())
    assert together == [*PassRate(n=2).score(["a"], Provider()), *PassRate(n=2).score(["b"], Provider())]
    assert (together[0].rewards, together[1].rewards) == (None, ((0.4, False, 1),))


def store_training(opened: RunContext, rewards: dict[str, list[float]]) -> None:
    """Store a training of two steps whose last one met these problems, and got these rewards for wrong answers."""
    like = opened.lake.rows("SELECT * FROM rollouts ORDER BY id LIMIT 1")[0]
    judged = {
        row["problem_id"]: row
        for row in opened.lake.rows("SELECT v.*, r.problem_id FROM verdicts v JOIN rollouts r ON r.id = v.rollout_id")
    }
    rollouts, verdicts = list[dict[str, Any]](), list[dict[str, Any]]()
    for id_, own in rewards.items():
        for sample, reward in enumerate(own):
            key = f"{id_}-{sample}"
            place = {"problem_id": id_, "policy": "step-1", "sample": sample, "step": 1, "group": "g"}
            rollouts.append({**like, "id": key, **place})
            verdict = {name: value for name, value in judged[id_].items() if name != "problem_id"}
            verdicts.append({**verdict, "id": f"v-{key}", "rollout_id": key, "outcome": "wrong", "reward": reward})
    metrics = [
        {"id": f"m{n}", "training": "training", "step": n, "name": "reward", "value": 0.5, "policy": f"step-{n}"}
        for n in range(2)
    ]
    opened.lake.append({"rollouts": rollouts, "verdicts": verdicts, "train_metrics": metrics})


def test_a_graded_pool_is_refreshed_from_the_rewards_that_training_stored(attempted: Made) -> None:
    old = attempted(select={"budget": 4})
    results = run_stages(old, "select")
    before = EarlierScore(results.rows_of("score"), results.rows_of("select"), "training")
    query = "SELECT problem_id FROM selections WHERE selection_id = ? AND kept ORDER BY problem_id"
    met, bare, *_ = [row["problem_id"] for row in old.lake.rows(query, [before.selection])]
    store_training(old, {met: [0.0, 0.25, 0.25, 0.75], bare: [0.0] * 4})
    new = attempted(policy={"revision": "next"}, loop={"max_interval": 0.9}, select={"budget": 4})
    stage = plan_rescoring(new, run_stages(new, "split"), before)
    assert stage.name == "refresh"
    rows = {row["problem_id"]: row for row in current_scores(new, run_planned(stage).key.rows)}
    assert rows[met]["rewards"] == [
        {"reward": reward, "correct": False, "n": n} for reward, n in ((0.0, 1), (0.25, 2), (0.75, 1))
    ]
    assert rows[met]["reward_mean"] == pytest.approx(0.3125)
    assert rows[met]["reward_low"] < 0.3125 < rows[met]["reward_high"]
    assert rows[bare]["rewards"] is None
    again = [row for row in rows.values() if row["policy"] == "next" and row["problem_id"] not in (met, bare)]
    assert any(row["rewards"] for row in again)  # of new attempts
    carried = [row for row in rows.values() if row["policy"] != "next"]
    assert any(row["rewards"] for row in carried)


def test_the_terms_of_the_reward_count_in_what_training_stored(context: Made) -> None:
    old = context(select={"budget": 4}, train={"reward": {"correctness": 1.0, "format": 0.25}})
    results = run_stages(old, "select")
    query = "SELECT problem_id FROM selections WHERE selection_id = ? AND kept ORDER BY problem_id"
    met = old.lake.rows(query, [results.rows_of("select")])[0]["problem_id"]
    store_training(old, {met: [0.0, 0.5]})
    like = old.lake.rows("SELECT * FROM completions LIMIT 1")[0]
    texts = [{**like, "id": f"{met}-{n}", "text": text} for n, text in enumerate(("\\boxed{1}", "1"))]
    old.lake.append({"completions": texts})
    pairs = read_training_rewards(old, "training", read_side(old, results, "train")[1])
    assert pairs == {met: ((0.25, "wrong"), (0.5, "wrong"))}


def test_rewards_that_never_reach_correct_are_a_warning(graded: Made, context: Made) -> None:
    for opened, expected in ((graded(), 1), (graded(0.4), 0), (context(), 0)):
        warnings: list[str] = []
        opened.reporter.warn = warnings.append  # type: ignore[method-assign]
        run_stages(opened, "score")
        assert sum("correct_at" in text for text in warnings) == expected


def test_compared_selectors_see_the_graded_rewards_too(attempted: Made) -> None:
    opened = attempted(train={"objective": "dr_grpo"}, select={"cluster_quota": "none", "budget": 8})
    run_stages(opened)
    told = {row["selection"]: row["signal"]["0"] for row in compare_selectors(opened, [])["selections"]}
    assert told["plan"] > 1.2 * told["uniform"]
    results = run_stages(opened, only=True)
    kept = opened.lake.rows(
        "SELECT problem_id FROM selections WHERE selection_id = ? AND kept", [results.rows_of("select")]
    )
    assert len(kept) == 8


def test_what_training_would_meet_is_foreseen_by_rewards_and_by_right_answers(attempted: Made) -> None:
    opened = attempted(
        train={"objective": "grpo", "steps": 4, "problems_per_step": 4}, select={"cluster_quota": "none", "budget": 8}
    )
    run_stages(opened, "select")
    rows = {row["curriculum"]: row for row in simulate_curricula(opened, ["dynamic refills=1"], repeats=4)["curricula"]}
    assert rows["shuffled"]["signal"] > rows["shuffled"]["mixed"] + 0.2  # no answer of four is right; rewards differ
    assert rows["dynamic refills=1"]["trained"] < rows["dynamic refills=1"]["paid"]
    undivided = attempted(
        train={"objective": "dr_grpo", "steps": 4, "problems_per_step": 4},
        select={"cluster_quota": "none", "budget": 8},
    )
    run_stages(undivided, "select")
    spread = simulate_curricula(undivided, repeats=4)["curricula"][0]["signal"]
    assert 0 < spread < 0.5  # a standard deviation of rewards up to .9


def test_a_recheck_compares_the_signal_of_rewards(attempted: Made) -> None:
    opened = attempted(select={"cluster_quota": "none", "budget": 12}, score={"n": 16})
    run_stages(opened, "select")
    by_rewards = measure_selection_bias(opened, kept=12, dropped=0)["kept"]
    assert by_rewards["problems"] == 12
    assert by_rewards["observed"] > 0.3  # by right answers alone it were near 0
    assert abs(by_rewards["difference"]) < 0.35
    assert by_rewards["low"] <= by_rewards["difference"] <= by_rewards["high"]


def test_tables_of_the_terminal_show_the_mean_reward_where_rewards_are_graded(
    graded: Made, context: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    for opened, expected in ((graded(), True), (context(lake=str(context().lake.root) + "3"), False)):
        results = run_stages(opened)
        told = collect_summary(opened, results)
        rewards = [row["reward"] for row in told["difficulty"]]
        assert (rewards[0] is not None) is expected
        scored = current_scores(opened, results.rows_of("score"))
        if expected:
            assert rewards[0] == pytest.approx(sum(row["reward_mean"] or 0.0 for row in scored) / len(scored))
        print_summary(opened, results, "plan.toml")
        shown = capsys.readouterr().out
        assert (shown.count(" reward") >= 2) is expected
    chosen = compare_selectors(graded(), [])["selections"]
    assert all(0 < row["reward"] < 0.9 for row in chosen)
