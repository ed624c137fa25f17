"""Recorded answers of another tool become a plan's pass rates, its selection and its export, without one token."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from assay.cli.apps import assay_app
from assay.stores.lake import Lake

pytestmark = pytest.mark.service
Call = Callable[..., Any]
PROBLEMS, N = 20, 8


@pytest.fixture
def call() -> Call:
    """Runs a command in this process."""
    return lambda *words: CliRunner().invoke(assay_app, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture
def plan(tmp_path: Path, scripted: Callable[..., Path]) -> Path:
    """A plan whose policy is no model of this machine, which nothing could attempt with."""
    path = scripted(tmp_path, problems=PROBLEMS, policy={"engine": "llamacpp", "model": "qwen-7b-cot"})
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if not line.startswith("rule")))
    return path


def right(problem: int, sample: int) -> bool:
    return sample < problem % (N + 1)


def write(path: Path, *, rewards: bool = True) -> Path:
    """Eight answers each, of which `problem % 9` are right."""
    rows = [
        {
            "id": f"{n}/{k}",
            "question": f"What is {n} + {n % 9}?",
            "generation": f"The answer is {n + n % 9 + (not right(n, k))}",
            **({"acc": float(right(n, k)), "style": 1} if rewards else {}),
        }
        for n in range(PROBLEMS)
        for k in range(N)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


COLUMNS = ("--problem", "question", "--text", "generation")


def rates(lake: Path) -> list[tuple[int, int]]:
    with Lake(lake) as opened:
        rows = opened.rows("SELECT n_correct, n_wrong FROM current_scores ORDER BY n_correct, n_wrong")
    return [(row["n_correct"], row["n_wrong"]) for row in rows]


WANTED = sorted((n % (N + 1), N - n % (N + 1)) for n in range(PROBLEMS))


@pytest.mark.parametrize("rewards", [True, False], ids=["by their rewards", "by the labels' verifiers"])
def test_a_pool_with_recorded_answers_is_scored_selected_and_exported_without_a_token(
    plan: Path, call: Call, tmp_path: Path, rewards: bool
) -> None:
    rows = write(tmp_path / "theirs.jsonl", rewards=rewards)
    reward = ("--reward", "acc", "--right", "acc == 1 and style > 0") if rewards else ()
    ran = call("curate", "import", "rollouts", rows, plan, *COLUMNS, *reward)
    assert ran.exit_code == 0, ran.output
    assert f"{PROBLEMS * N} rows read, {PROBLEMS * N} added" in ran.output
    assert "--set score.evidence=imported" in ran.output
    imported = ("--set", "score.evidence=imported")
    ran = call("curate", "run", plan, *imported, "--json")
    assert ran.exit_code == 0, ran.output
    summary = json.loads(ran.stdout)
    assert (summary["spent"]["tokens"], summary["spent"]["samples"]) == (0, 0)
    assert summary["policy"] == "qwen-7b-cot"
    assert rates(plan.parent / "lake") == WANTED
    exported = call("curate", "export", plan, *imported, "--to", "jsonl", "--out", tmp_path / "out")
    assert exported.exit_code == 0, exported.output
    written = [json.loads(line) for line in (tmp_path / "out" / "train.jsonl").read_text().splitlines()]
    assert len(written) == 6
    assert all(row["correct"] + row["wrong"] == N for row in written)
    for command in ("status", "analyze selectors", "analyze pass-at-k", "analyze clusters", "analyze curricula"):
        ran = call("curate", *command.split(), plan, *imported)
        assert ran.exit_code == 0, (command, ran.output[-500:])
    again = call("curate", "run", plan, *imported)
    assert "nothing to do: every stage is in the lake" in again.output


def test_a_further_import_is_counted_by_the_next_run_and_the_same_one_adds_nothing(
    plan: Path, call: Call, tmp_path: Path
) -> None:
    rows = write(tmp_path / "theirs.jsonl")
    assert call("curate", "import", "rollouts", rows, plan, *COLUMNS, "--reward", "acc").exit_code == 0
    assert call("curate", "run", plan, "--set", "score.evidence=imported").exit_code == 0
    ran = call("curate", "import", "rollouts", rows, plan, *COLUMNS, "--reward", "acc")
    assert (ran.exit_code, "160 rows read, 0 added" in ran.output) == (0, True)
    more = {"question": "What is 0 + 0?", "generation": "It is 0", "acc": 1}
    (tmp_path / "more.jsonl").write_text(json.dumps(more) + "\n")
    assert (
        call("curate", "import", "rollouts", tmp_path / "more.jsonl", plan, *COLUMNS, "--reward", "acc").exit_code == 0
    )
    ran = call("curate", "run", plan, "--set", "score.evidence=imported", "--json")
    assert not json.loads(ran.stdout)["stages"]["score"]["nothing_to_do"]
    with Lake(plan.parent / "lake") as lake:
        scored = json.loads(ran.stdout)["stages"]["score"]
        assert scored["out"] == PROBLEMS
        assert lake.rows("SELECT max(n_correct + n_wrong) AS n FROM scores") == [{"n": N + 1}]


def test_a_policy_of_its_own_name_is_evidence_under_that_name(plan: Path, call: Call, tmp_path: Path) -> None:
    rows = write(tmp_path / "theirs.jsonl")
    ran = call("curate", "import", "rollouts", rows, plan, *COLUMNS, "--reward", "acc", "--policy", "another-7b")
    assert "--set score.evidence=another-7b" in ran.output
    ran = call("curate", "run", plan, "--set", "score.evidence=another-7b", "--json")
    assert (ran.exit_code, json.loads(ran.stdout)["policy"]) == (0, "another-7b")
    ran = call("curate", "run", plan, "--set", "score.evidence=imported")
    assert ran.exit_code == 2
    assert "no attempts of a policy 'qwen-7b-cot' are imported" in ran.output
    assert "another-7b" in ran.output


def test_a_file_in_which_nothing_matches_is_an_error_that_names_the_columns(
    plan: Path, call: Call, tmp_path: Path
) -> None:
    rows = write(tmp_path / "theirs.jsonl")
    ran = call("curate", "import", "rollouts", rows, plan, "--text", "style")
    assert ran.exit_code == 1
    assert f"none of {PROBLEMS * N} rows is an attempt" in ran.output
    assert "the columns are id, question, generation, acc, style" in ran.output


def test_a_scorer_that_searches_says_that_recorded_answers_are_no_search(
    plan: Path, call: Call, tmp_path: Path
) -> None:
    rows = write(tmp_path / "theirs.jsonl")
    call("curate", "import", "rollouts", rows, plan, *COLUMNS, "--reward", "acc")
    text = plan.read_text().replace("[score]", '[score]\nscorer = "mcts"').replace("n = 4\n", "")
    plan.write_text(text)
    ran = call("curate", "run", plan, "--set", "score.evidence=imported")
    assert ran.exit_code == 2, ran.output
    assert "has only recorded answers" in ran.output


def test_a_design_that_decides_what_is_drawn_next_is_refused(plan: Path, call: Call, tmp_path: Path) -> None:
    rows = write(tmp_path / "theirs.jsonl")
    call("curate", "import", "rollouts", rows, plan, *COLUMNS, "--reward", "acc")
    ran = call("curate", "run", plan, "--set", "score.evidence=imported", "--set", "score.allocation=adaptive")
    assert ran.exit_code == 2
    assert "use allocation = 'fixed', which counts all recorded attempts" in ran.output


@pytest.mark.parametrize("rewards", [True, False], ids=["by their rewards", "by the labels' verifiers"])
def test_synthesis_and_exported_rollouts_read_recorded_answers_and_ask_no_model(
    plan: Path, call: Call, tmp_path: Path, rewards: bool
) -> None:
    rows = write(tmp_path / "theirs.jsonl", rewards=rewards)
    call("curate", "import", "rollouts", rows, plan, *COLUMNS, *(("--reward", "acc") if rewards else ()))
    imported = ("--set", "score.evidence=imported")
    assert call("curate", "score", plan, *imported).exit_code == 0
    ran = call("curate", "synthesize", plan, "s3ft", *imported, "--set", "synthesize.settings.s3ft.paraphrases=0")
    assert ran.exit_code == 0, ran.output
    with Lake(plan.parent / "lake") as lake:
        own = lake.rows("SELECT count(*)::BIGINT AS n FROM targets WHERE tier = 0 AND verified")[0]["n"]
        assert own == lake.rows("SELECT count(*) AS n FROM current_scores WHERE n_correct > 0")[0]["n"] > 0
    ran = call("curate", "synthesize", plan, "dart", *imported)
    assert ran.exit_code == 2, ran.output
    assert "only recorded answers" in ran.output
    ran = call("curate", "export", "rollouts", plan, *imported, "--out", tmp_path / "rollouts", "--json")
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["judged"] == PROBLEMS * N


def test_another_policy_is_read_by_its_own_verdicts_whichever_of_the_two_was_imported(
    tmp_path: Path, scripted: Callable[..., Path], call: Call
) -> None:
    plan = scripted(tmp_path, problems=PROBLEMS)
    rows = write(tmp_path / "theirs.jsonl")
    assert call("curate", "run", plan).exit_code == 0
    call("curate", "import", "rollouts", rows, plan, *COLUMNS, "--reward", "acc", "--policy", "another-7b")
    with Lake(plan.parent / "lake") as lake:
        own = lake.rows("SELECT policy FROM rollouts WHERE policy <> 'another-7b' LIMIT 1")[0]["policy"]
        attempted = lake.rows("SELECT count(DISTINCT problem_id) AS n FROM rollouts WHERE policy = ?", [own])[0]["n"]
    for evidence, other in (("drawn", "another-7b"), ("another-7b", own)):
        given = ("--set", f"score.evidence={evidence}")
        ran = call("curate", "analyze", "policies", plan, own, "another-7b", *given, "--json")
        assert ran.exit_code == 0, (evidence, ran.output)
        assert json.loads(ran.stdout)["problems"] == attempted
        ran = call("curate", "score", plan, *given, "--set", f"score.prior=policy:{other}")
        assert ran.exit_code == 0, (evidence, ran.output)
    with Lake(plan.parent / "lake") as lake:
        priors = lake.rows(
            "SELECT count(DISTINCT prior) AS n FROM scores WHERE starts_with(prior, 'policy:') GROUP BY prior[:12]"
        )
    assert [row["n"] > 1 for row in priors] == [True, True], "each problem's prior follows the other policy's counts"


def test_a_gold_that_was_corrected_after_the_import_is_judged_anew_alone(
    plan: Path, call: Call, tmp_path: Path
) -> None:
    """All rewards of the file are 1. Problem 3 is told another gold later, of which no answer is right but four."""
    rows = [
        {"question": f"What is {n} + {n % 9}?", "generation": f"The answer is {6 + (k < 4)}", "acc": 1}
        for n in range(PROBLEMS)
        for k in range(N)
    ]
    (tmp_path / "theirs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert (
        call("curate", "import", "rollouts", tmp_path / "theirs.jsonl", plan, *COLUMNS, "--reward", "acc").exit_code
        == 0
    )
    imported = ("--set", "score.evidence=imported")
    assert call("curate", "run", plan, *imported).exit_code == 0
    assert set(rates(plan.parent / "lake")) == {(N, 0)}
    sums = plan.parent / "sums.jsonl"
    sums.write_text(
        sums.read_text().replace(
            '"prompt": "What is 3 + 3?", "answer": "6"', '"prompt": "What is 3 + 3?", "answer": "7"'
        )
    )
    for _ in range(2):  # the verdicts of the second time are stored
        ran = call("curate", "run", plan, *imported)
        assert ran.exit_code == 0, ran.output
        with Lake(plan.parent / "lake") as lake:
            latest = lake.rows(
                "SELECT p.messages, s.n_correct, s.n_wrong FROM current_scores s JOIN problems p ON p.id = s.problem_id"
            )
        changed = [(row["n_correct"], row["n_wrong"]) for row in latest if "What is 3 + 3?" in str(row["messages"])]
        assert (4, 4) in changed
    passes = call("curate", "analyze", "pass-at-k", plan, *imported, "--json")
    assert json.loads(passes.stdout)["problems"] == PROBLEMS
