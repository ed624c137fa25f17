"""Chats of wrong attempts with the verifier's words on paper, and of programs with their failing tests."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assay.api import NullReporter
from assay.core.config import parse_config
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.runner.synthesis import run_synthesis
from assay.stores.lake import Lake
from assay.synthesis.feedback import Feedback

ATTEMPTS = {
    "a": [("wrong", "2", "so 2", "2 is not 1"), ("correct", "1", "so 1"), ("correct", "1", "so 1"), ("wrong", "3", "so 3", "no")],
    "b": [("correct", "1", "so 1")],
    "c": [("wrong", "4", "so 4", "no")],
    "d": [],
}  # fmt: skip


def test_the_verifiers_words_stand_between_wrong_and_right(given: Any, made: Callable[..., Any]) -> None:
    (row,), summary = made(Feedback(turn="<{feedback}>", max_words=2), given(ATTEMPTS))
    assert [tuple(turn)[:2] for turn in row.messages] == [
        ("user", "question a"), ("assistant", "so 2"), ("user", "<2 is>"),
    ]  # fmt: skip
    assert (row.completion, row.rollout_id, row.parents) == ("so 1", "a1", ("a0", "a1"))
    assert summary.counts == {"paired": 1, "no_right": 1, "no_wrong": 1, "unattempted": 1}


def test_tokens_divide_right_from_wrong_attempts(given: Any, made: Callable[..., Any]) -> None:
    rows, _ = made(Feedback(good="<good>", bad="<bad>"), given(ATTEMPTS))
    singles = [(row.messages[0].content, row.completion) for row in rows if len(row.messages) == 1]
    assert singles == [
        ("<good> question a", "so 1"), ("<bad> question a", "so 2\n2 is not 1"), ("<bad> question a", "so 3\nno"),
        ("<good> question b", "so 1"), ("<bad> question c", "so 4\nno"),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="must both be set, or neither"):
        Feedback(good="<good>")


@pytest.mark.service
def test_the_failing_test_of_a_program_is_what_is_said(tmp_path: Path) -> None:
    programs = ["```python\ndef twice(n):\n    return n\n```", "```python\ndef twice(n):\n    return 2 * n\n```"]
    row = {"prompt": "Write twice(n).", "answer": json.dumps({"tests": ["assert twice(4) == 8"]})}
    (tmp_path / "pool.jsonl").write_text(json.dumps(row) + "\n")
    config = parse_config(
        {
            "lake": str(tmp_path / "lake"),
            "source": [{"type": "files", "paths": str(tmp_path / "pool.jsonl"), "verifier": "code"}],
            "policy": {"engine": "scripted", "model": "m", "answers": {"Write twice(n).": programs}, "max_tokens": 64},
            "score": {"n": 2},
            "grade": {"allow_code": True},
            "synthesize": {"settings": {"feedback": {"good": "<good>", "bad": "<bad>"}}},
        }
    )
    with Lake(config.lake) as lake, RunContext(config, lake, NullReporter()) as context:
        run_stages(context, "score")
        run_synthesis(context, "feedback")
        rows = lake.rows("SELECT messages, verified FROM targets")
    chats = [row for row in rows if len(row["messages"]) == 3]
    assert len(chats) == 1
    assert chats[0]["verified"]
    assert "test 1 of 1: AssertionError" in chats[0]["messages"][2]["content"]
    assert sorted(row["verified"] for row in rows) == [False, True, True]  # the one behind <bad> is wrong, and says so


def test_chats_of_recorded_rollouts_are_verified(recorded: Callable[..., Any]) -> None:
    context, (result,) = recorded("feedback", {"pairs": 1})
    rows = context.lake.rows("SELECT problem_id, messages, verified FROM targets")
    assert len(rows) == result.detail["paired"] > 20
    assert all(row["verified"] and len(row["messages"]) == 3 for row in rows)
