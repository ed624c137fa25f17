"""Every question of the cookbook is one SELECT that a finished lake answers."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from assay.api import NullReporter
from assay.core.config import parse_config
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.stores.lake import Lake

PAGE = (Path(__file__).resolve().parents[2] / "examples" / "sql_cookbook.md").read_text(encoding="utf-8")
QUESTIONS = re.findall(r"^## (\d+\. .*?)$.*?```sql\n(.*?)```", PAGE, flags=re.MULTILINE | re.DOTALL)
ANSWERS = {f"What is {n} + 1?": [f"The answer is {n + 1}", "The answer is 77", "no idea"] for n in range(10)}
ANSWERS["What is 0 + 1?"] = ANSWERS["What is 1 + 1?"] = ["The answer is 50"]
MAY_BE_EMPTY = {"12", "14", "19", "20"}  # of a lake that was neither killed nor regraded, trained or forgotten


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Sums, half of which the policy solves half of the time, one row malformed."""
    folder = tmp_path_factory.mktemp("cookbook")
    rows = [{"prompt": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(10)]
    (folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"prompt": "no answer"}\n')
    config = parse_config(
        {
            "name": "sums",
            "lake": str(folder / "lake"),
            "source": [{"type": "files", "paths": str(folder / "sums.jsonl")}],
            "split": {"held_out": 2},
            "policy": {
                "truncated": "wrong",
                "model": "scripted",
                "engine": "scripted",
                "answers": ANSWERS,
                "rule": "cycle",
                "max_tokens": 16,
            },
            "score": {"n": 6},
            "embed": {"encoder": "tfidf", "clusters": 2},
            "select": {"selector": "uniform", "budget": 4},
        }
    )
    with Lake(config.lake) as opened, RunContext(config, opened, NullReporter(), command="curate run") as context:
        context.log_run("start")
        run_stages(context)
        context.log_run("end", "done")
        yield opened


def test_there_are_twenty_one_questions() -> None:
    assert [title.partition(".")[0] for title, _ in QUESTIONS] == [str(n) for n in range(1, 22)]


@pytest.mark.parametrize(("title", "query"), QUESTIONS, ids=[title for title, _ in QUESTIONS])
def test_a_question_is_answered(lake: Lake, title: str, query: str) -> None:
    answer = lake.ask(query)
    assert answer.num_rows > 0 or title.partition(".")[0] in MAY_BE_EMPTY


def test_no_held_out_problem_leaked(lake: Lake) -> None:
    assert lake.ask(dict(QUESTIONS)["18. Did held-out problems stay out of training?"]).to_pylist() == [{"leaks": 0}]
