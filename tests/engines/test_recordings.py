"""The bundled recordings: real rollouts with their verdicts, which the replay engine returns sample by sample."""

import json
from importlib.resources import files

import pyarrow.parquet as parquet
import pytest

from assay.core.config import read_config
from assay.core.types import GradingCase, Label, Message, Problem, Request
from assay.engines.replay import Replay
from assay.verifiers.numeric import Numeric

DATA = files("assay") / "data" / "recordings"
CHANGED = {  # outcomes under version 2 of `numeric`; the recordings hold those of version 1
    "Z144": "wrong",  # one word, and no number
    "You can't give a number in base 10.": "unparsable",  # no answer
    "84 + 17 = 21 17": "unparsable",  # two numbers
    "The result is not in the form of 5 * 9.": "unparsable",  # a denial
    "1 is multiplied by 4.": "unparsable",  # working
    "1 is not a factor for this multiplication problem.": "unparsable",  # a denial
    "1 is not an integer.": "unparsable",  # a denial
    "The result is 2 times 7 = 14.": "unparsable",  # two numbers
    "2 * 7 = 14\nno final answer is given": "correct",
}
NAMES = {"tiny": 360, "smollm2": 40}  # problems, 64 samples each


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def rows(name):
    return parquet.read_table(str(DATA / f"{name}.parquet")).to_pylist()


@pytest.fixture(scope="module")
def sampler(name, request):
    return read_config(request.config.rootpath / "examples" / "recordings" / f"{name}.toml").policy.sampler


def test_each_problem_has_its_64_samples_once(name, rows):
    assert len({row["problem_id"] for row in rows}) == NAMES[name]
    assert {(row["problem_id"], row["sample"]) for row in rows} == {
        (row["problem_id"], i) for row in rows for i in range(64)
    }
    assert len(rows) == 64 * NAMES[name]
    assert (files("assay") / "data" / "recordings" / f"{name}.parquet").stat().st_size < 3e6


def test_a_row_needs_nothing_else_to_name_its_problem(rows):
    for row in rows[::64]:
        assert Problem.of(tuple(Message(**turn) for turn in row["messages"])).id == row["problem_id"]
        assert row["answer"]


def test_the_problem_file_holds_the_same_problems(name, rows):
    path = next(
        DATA / f"{name}_problems.{kind}" for kind in ("jsonl", "json") if (DATA / f"{name}_problems.{kind}").is_file()
    )
    text = path.read_text(encoding="utf-8")
    problem_rows = [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else json.loads(text)
    assert {(Problem.of(row["prompt"]).id, row["answer"]) for row in problem_rows} == {
        (row["problem_id"], row["answer"]) for row in rows
    }


def test_the_plan_that_recorded_it_finds_every_sample_again(name, rows, sampler):
    """The sampler is that of `examples/recordings/NAME.toml`; a text that is judged again has its recorded outcome."""
    engine, counted = Replay(f"package:recordings/{name}.parquet"), Numeric()
    first_rows = {row["problem_id"]: row for row in rows}
    problems = {id_: Problem.of(tuple(Message(**turn) for turn in row["messages"])) for id_, row in first_rows.items()}
    requests = [
        Request(id_, sampler.render(problem), sampler, tuple(range(64)), 0) for id_, problem in problems.items()
    ]
    outcomes, changed = {(row["problem_id"], row["sample"]): row["outcome"] for row in rows}, dict[str, str]()
    for rollouts in engine.generate(requests):
        label = Label.of(rollouts[0].problem_id, first_rows[rollouts[0].problem_id]["answer"], verifier="numeric")
        for rollout in rollouts:
            case = GradingCase(problems[rollout.problem_id], label, rollout)
            outcome = counted.judge(case).outcome
            if outcome != outcomes.pop((rollout.problem_id, rollout.sample)):
                changed[rollout.text.strip()] = outcome
    assert outcomes == {}
    assert changed == {text: outcome for text, outcome in CHANGED.items() if text in changed}


def test_its_problems_lie_all_over_the_scale(rows):
    solved: dict[str, int] = {}
    for row in rows:
        solved[row["problem_id"]] = solved.get(row["problem_id"], 0) + (row["outcome"] == "correct")
    for low, high in ((0, 6), (7, 25), (26, 38), (39, 57), (58, 64)):
        assert sum(low <= n <= high for n in solved.values()) >= len(solved) // 40, (low, high)
