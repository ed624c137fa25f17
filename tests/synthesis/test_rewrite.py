"""What a teacher writes anew, on paper and by a scripted teacher beside a scripted policy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.api import NullReporter
from assay.core.config import parse_config
from assay.core.errors import ConfigError, EngineError
from assay.core.types import Problem
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.runner.synthesis import run_synthesis
from assay.stores.lake import Lake
from assay.synthesis.rewrite import Rewrite

ATTEMPTS = {
    "a": [("wrong", "2", "one\n\ntwo")],
    "b": [("correct", "1", "so 1"), ("wrong", "2", "three")],
    "c": [("wrong", "4", "four")],
    "d": [("wrong", "5", "five")],
}


def taught(problem: Problem, sample: int) -> tuple[str, bool]:
    if "1. one\n2. two" in problem.text:
        return f"First wrong step: 2\none, then {sample}", sample == 1
    return ("First wrong step: 9\nso 1" if "four" in problem.text else "so 1"), True  # a step it has not, none at all


def test_only_right_rewritings_that_name_a_step_of_the_attempt_are_kept(given: Any, made: Callable[..., Any]) -> None:
    (row,), summary = made(Rewrite(attempts=2), given(ATTEMPTS, answer=taught))
    assert (row.problem_id, row.completion, row.origin, row.parents[0]) == ("a", "one, then 1", "teacher", "a0")
    assert summary.counts == {"shown": 3, "rewritten": 1, "unnamed": 4, "still_wrong": 1}
    rows, _ = made(
        Rewrite(self_solved=True), given({"b": ATTEMPTS["b"]}, answer=lambda *_: ("First wrong step 1\nx", True))
    )
    assert [row.completion for row in rows] == ["x"]


Start = Callable[..., RunContext]


@pytest.fixture
def start(tmp_path: Path) -> Any:
    """Opens runs of a pool of two questions that the policy cannot answer."""
    (tmp_path / "pool.jsonl").write_text('{"prompt": "Q1", "answer": "7"}\n{"prompt": "Q2", "answer": "8"}\n')
    opened: list[RunContext] = []

    def run(teacher: dict[str, Any] | None) -> RunContext:
        answers = {"Q1": ["a step\nso 1"], "Q2": ["so 2"]}
        config = parse_config(
            {
                "lake": str(tmp_path / "lake"),
                "source": [{"type": "files", "paths": str(tmp_path / "pool.jsonl"), "verifier": "numeric"}],
                "policy": {"engine": "scripted", "model": "pupil", "answers": answers, "max_tokens": 16},
                "score": {"n": 2},
                "synthesize": {
                    "settings": {"rewrite": {"prompt": "{problem}: {steps}"}},
                    **({"teacher": teacher} if teacher else {}),
                },
            }
        )
        context = RunContext(config, Lake(config.lake), NullReporter())
        opened.append(context)
        run_stages(context, "score")
        return context

    yield run
    for context in opened:
        context.close()
        context.lake.close()


def test_a_teachers_rewritings_are_verified_again_and_paid_for_once(start: Start) -> None:
    answers = {
        "Q1: 1. a step\n2. so 1": ["First wrong step: 2\na step\nso 7"],
        "Q2: 1. so 2": ["First wrong step: 1\nso 9"],
    }
    teacher = {"engine": "scripted", "model": "teacher", "answers": answers, "max_tokens": 32}
    context = start(teacher)
    before = context.meter.samples
    (result,) = run_synthesis(context, "rewrite")
    assert context.meter.samples - before == 2
    (row,) = context.lake.rows("SELECT t.*, r.policy AS writer FROM targets t JOIN rollouts r ON r.id = t.parents[2]")
    assert (row["completion"], row["origin"], row["verified"]) == ("a step\nso 7", "teacher", True)
    assert row["policy"] == row["writer"] != context.policy.revision
    assert (result.detail["rewritten"], result.detail["still_wrong"]) == (1, 1)
    (again,) = run_synthesis(start(teacher), "rewrite")
    assert again.reused
    (other,) = run_synthesis(start({**teacher, "model": "another"}), "rewrite")
    assert other.key != result.key


def test_no_teacher_and_one_that_is_gone_are_one_line_each(start: Start) -> None:
    with pytest.raises(
        ConfigError, match=r"rewrite needs a teacher, and the config names none: add \[synthesize.teacher\]"
    ):
        run_synthesis(start(None), "rewrite")
    context = start({"engine": "openai", "model": "gone", "urls": ["http://127.0.0.1:9/v1"]})
    with pytest.raises((ConfigError, EngineError), match=r"127\.0\.0\.1:9") as caught:
        run_synthesis(context, "rewrite")
    assert "\n" not in str(caught.value)
    assert context.lake.rows("SELECT count(*) AS n FROM rollouts") == [{"n": 4}]
