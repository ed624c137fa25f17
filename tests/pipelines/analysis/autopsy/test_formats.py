"""Logs as trainers write them: verl's dumps, TRL's completions, traces of the verifiers library, NeMo Gym, our own trainer."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.pipelines.analysis.autopsy.run import Autopsy, AutopsyOptions, dissect

RECORDED = Path(__file__).parent / "recorded_training.parquet"
QUESTIONS = ["What is 2 + 2?", "What is 17 + 25?", "What is 300 - 1?"]
GOLDS = ["4", "42", "299"]


def write(place: Path, rows: list[dict[str, Any]]) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return place


def shares(result: Autopsy) -> dict[str, float | None]:
    return {name: result.share("tokens", name) for name in ("dead", "solved", "mixed")}


def answers(gold: str, number: int) -> list[tuple[str, float]]:
    """Four answers: none, half or all right for problem 0, 1 and 2."""
    right = (0, 2, 4)[number]
    return [(f"So \\boxed{{{gold if place < right else 7}}}", float(place < right)) for place in range(4)]


def test_verl_s_rollout_dump(tmp_path: Path) -> None:
    for step in (1, 2):
        rows = [
            {
                "input": f"system\nYou are helpful.\nuser\n{question}\nPlease reason step by step, and put your final answer "
                "within \\boxed{}.\nassistant\n",
                "output": text,
                "gts": gold,
                "score": reward * 1.0 + 0.1,
                "acc": bool(reward),
                "step": step,
            }
            for number, (question, gold) in enumerate(zip(QUESTIONS, GOLDS, strict=True))
            for text, reward in answers(gold, number)
        ]
        write(tmp_path / "dump" / f"{step}.jsonl", rows)
    result = dissect([tmp_path / "dump"])
    assert result.totals["problems"] == 3
    assert result.totals["groups"] == 6
    assert result.facts.unit == "characters"
    assert result.facts.own_correctness
    assert result.share("grades", "disputed answers") == 0.0
    assert shares(result)["dead"] == pytest.approx(24 / 77)  # characters: a wrong 7 is shorter
    assert [row["prompt"] for row in result.problems] == QUESTIONS


def test_trl_s_log_of_completions_with_a_reward_per_function_and_golds_from_a_file(tmp_path: Path) -> None:
    rows = [
        {
            "step": 10,
            "prompt": [{"role": "user", "content": question}],
            "completion": [{"role": "assistant", "content": text}],
            "accuracy_reward": reward,
            "format_reward": 0.5,
            "advantage": 0.0,
        }
        for number, (question, gold) in enumerate(zip(QUESTIONS, GOLDS, strict=True))
        for text, reward in answers(gold, number)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "completions_00010.parquet")
    pool = write(
        tmp_path / "train.jsonl", [{"question": q, "answer": a} for q, a in zip(QUESTIONS, GOLDS, strict=True)]
    )
    result = dissect([tmp_path / "completions_00010.parquet"], AutopsyOptions(pool=pool))
    assert result.facts.own_correctness
    assert result.summary.golds == 3
    assert {row["kept"] for row in result.problems} == {True, False}
    assert result.share("tokens", "mixed") == pytest.approx(1 / 3, abs=0.02)
    assert result.share("grades", "disputed answers") == 0.0


def test_traces_of_the_verifiers_library(tmp_path: Path) -> None:
    rows = []
    for number, (question, gold) in enumerate(zip(QUESTIONS, GOLDS, strict=True)):
        for text, reward in answers(gold, number):
            turns = [("system", "Be brief."), ("user", question), ("assistant", text)]
            rows.append(
                {
                    "task": {"key": f"t{number}", "data": {"question": question, "answer": gold}},
                    "nodes": [{"message": {"role": role, "content": content}} for role, content in turns],
                    "calls": [{"node": 2, "model": "m", "finish_reason": "length", "usage": {"completion_tokens": 25}}],
                    "rewards": {
                        "correct": {"score": reward, "weight": 1.0},
                        "format": {"score": 1.0, "weight": 0.2},
                    },
                    "errors": [],
                }
            )
    result = dissect([write(tmp_path / "step_3" / "traces.jsonl", rows)])
    assert shares(result) == {"dead": 1 / 3, "solved": 1 / 3, "mixed": 1 / 3}
    assert result.totals["tokens"] == 12 * 25
    assert result.summary.golds == 3
    assert result.share("answers", "truncated by the cap") == 1.0
    assert result.facts.own_correctness


def test_rollouts_of_nemo_gym(tmp_path: Path) -> None:
    rows = [
        {
            "responses_create_params": {"input": [{"role": "user", "content": question}]},
            "response": {
                "model": "m",
                "output": [
                    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}
                ],
                "usage": {"output_tokens": 9},
                "incomplete_details": None,
            },
            "reward": reward,
            "expected_answer": gold,
        }
        for number, (question, gold) in enumerate(zip(QUESTIONS, GOLDS, strict=True))
        for text, reward in answers(gold, number)
    ]
    result = dissect([write(tmp_path / "rollouts.jsonl", rows)])
    assert shares(result) == {"dead": 1 / 3, "solved": 1 / 3, "mixed": 1 / 3}
    assert result.summary.golds == 3
    assert result.share("grades", "disputed answers") == 0.0


def test_a_recorded_training_of_our_own(tmp_path: Path) -> None:
    """24 steps of `train run` on the tiny model (`examples/recordings/training.toml`); the counts are taken from the rows."""
    rows = pq.read_table(RECORDED).to_pylist()
    groups: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["prompt"][-1]["content"], row["step"]), []).append(row)
    dead = [g for g in groups.values() if not any(row["reward"] for row in g)]
    solved = [g for g in groups.values() if all(row["reward"] for row in g)]
    result = dissect([RECORDED], AutopsyOptions(verifier="numeric"))
    assert result.totals == {
        "attempts": len(rows),
        "problems": len({question for question, _ in groups}),
        "groups": len(groups),
        "steps": 24,
        "tokens": sum(row["tokens"] for row in rows),
    }
    spent = [sum(row["tokens"] for group in kind for row in group) / result.totals["tokens"] for kind in (dead, solved)]
    assert spent == pytest.approx([result.share("tokens", "dead"), result.share("tokens", "solved")])
    assert result.share("grades", "disputed answers") == 0.0  # its rewards are this verifier's
    rises = [result.share("reward", f"rise of {what}") for what in ("the reward", "correctness")]
    assert rises[0] == pytest.approx(rises[1])  # all is re-graded, and the reward is correctness
    saved = next(row for row in result.findings if row.finding == "best half by posterior")
    assert saved.gain_low is not None
    assert saved.gain_low > 1
