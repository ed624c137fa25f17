"""Second turns on paper, and of a scripted policy whose chats become targets."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from assay.api import NullReporter
from assay.core.config import parse_config
from assay.core.types import Problem
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.runner.synthesis import run_synthesis
from assay.stores.lake import Lake
from assay.synthesis.introspect import Introspect

ATTEMPTS = {
    "a": [("wrong", "2", "so 2"), ("wrong", "2", "so 2"), ("correct", "1", "so 1"), ("wrong", "3", "so 3")],
    "b": [("correct", "1")],
    "c": [("wrong", "4", "so 4")],
}


def mended(problem: Problem, sample: int) -> tuple[str, bool]:
    """Mends every mistake but 4, at the second try."""
    assert [turn.role for turn in problem.messages] == ["user", "assistant", "user"]
    return f"no, 1 ({sample})", "so 4" not in problem.text and sample > 0


def test_right_second_answers_become_targets_with_the_chat(given: Any, made: Callable[..., Any]) -> None:
    rows, summary = made(Introspect(failures=2, attempts=4, keep=2), given(ATTEMPTS, answer=mended))
    assert [(row.problem_id, row.messages[1].content, row.completion) for row in rows] == [
        ("a", "so 2", "no, 1 (1)"), ("a", "so 2", "no, 1 (2)"), ("a", "so 3", "no, 1 (1)"), ("a", "so 3", "no, 1 (2)"),
    ]  # fmt: skip
    assert rows[2].parents[0] == "a3"
    assert summary.counts == {
        "taken_up": 3, "mended": 2, "first": 5, "first_right": 1, "second": 12, "second_right": 6,
        "first_rate": 0.2, "second_rate": 0.5,
    }  # fmt: skip


def test_without_failures_there_is_nothing_to_do(given: Any, made: Callable[..., Any]) -> None:
    evidence = given({"b": ATTEMPTS["b"]}, answer=mended)
    rows, summary = made(Introspect(), evidence)
    assert (rows, evidence.asked, summary.counts["second_rate"]) == ([], [], 0.0)


def test_a_scripted_policy_mends_its_mistakes_and_the_chats_are_as_it_was_asked(tmp_path: Path) -> None:
    rows = [f'{{"prompt": "What is {n} + {n}?", "answer": "{2 * n}"}}\n' for n in range(10, 16)]
    (tmp_path / "sums.jsonl").write_text("".join(rows))
    answers = {f"Q: What is {n} + {n}?": ["The answer is 1"] for n in range(10, 16)}
    config = parse_config(
        {
            "lake": str(tmp_path / "lake"),
            "source": [{"type": "files", "paths": str(tmp_path / "sums.jsonl"), "verifier": "numeric"}],
            "policy": {
                "engine": "scripted", "model": "mender", "max_tokens": 16, "template": "Q: {prompt}",
                "answers": {**answers, "Q: Again.": [f"The answer is {number}" for number in range(16, 33)]},
            },
            "score": {"n": 2},
            "synthesize": {"settings": {"introspect": {"turn": "Again.", "attempts": 17}}},
        }
    )  # fmt: skip
    with Lake(config.lake) as lake, RunContext(config, lake, NullReporter()) as context:
        run_stages(context, "score")
        (result,) = run_synthesis(context, "introspect")
        targets = lake.rows("SELECT * FROM target_texts")
    assert result.detail["mended"] == len(targets) == 6
    for row in targets:
        assert row["verified"]
        question, wrong, again = (turn["content"] for turn in row["messages"])
        assert (wrong, again) == ("The answer is 1", "Q: Again.")
        assert row["completion"] == f"The answer is {2 * int(question.split()[-1].strip('?'))}"
