"""TRL trains on its export with its exported reward, by the snippet that the export prints."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from assay.api import NullReporter
from assay.core.config import parse_config
from assay.core.types import GradingCase, Label, Problem, Rollout
from assay.engines.models.catalog import locate_model
from assay.pipelines.analysis.export import export
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.stores.lake import Lake

pytestmark = pytest.mark.model

ONE_STEP = (
    "shuffle_dataset=False, output_dir='trained', max_steps=1, num_generations=4, per_device_train_batch_size=8, "
    "max_completion_length=8, temperature=1.0, learning_rate=1e-3, report_to=[], use_cpu=True, bf16=False, logging_steps=1"
)
REPORT = """
import json
logs = {name: list(values) for name, values in trainer._logs.items() if name in ("prompt", "completion")}
logs["rewards"] = {name: list(values) for name, values in trainer._logs["rewards"].items()}
logs["history"] = trainer.state.log_history
print("REPORT" + json.dumps(logs, default=str))
"""


def test_one_real_step_pays_what_the_verifier_says(tmp_path: Path) -> None:
    rows = [{"prompt": f"{a} + {b} =", "answer": str(a + b)} for a in range(1, 4) for b in range(1, 4)]
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = parse_config(
        {
            "lake": str(tmp_path / "lake"),
            "source": [{"type": "files", "paths": str(tmp_path / "sums.jsonl")}],
            "clean": {"filters": []},
            "policy": {"model": "scripted", "engine": "scripted", "rule": "sum", "max_tokens": 8},
            "score": {"n": 2},
            "embed": {"encoder": "tfidf", "clusters": 2},
            "select": {"selector": "uniform", "budget": 8},
        }
    )
    with Lake(config.lake) as lake, RunContext(config, lake, NullReporter()) as context:
        run_stages(context)
        snippet = export(context, "trl", tmp_path / "out")["snippet"]
        script = snippet.replace("your model", str(locate_model("tiny-arithmetic")))
        script = script.replace("shuffle_dataset=False", ONE_STEP) + REPORT
        (tmp_path / "train.py").write_text(f"if __name__ == '__main__':\n{_indent(script)}")
        done = subprocess.run(
            [sys.executable, "train.py"], cwd=tmp_path, capture_output=True, text=True, timeout=500, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        logs = json.loads(done.stdout.split("REPORT")[1])
        golds = {row["prompt"]: row["answer"] for row in rows}
        cases = [
            _case(prompt, completion, golds)
            for prompt, completion in zip(logs["prompt"], logs["completion"], strict=True)
        ]
        rewards = [verdict.reward for verdict in context.judge.judge(cases)]
        context.judge.close()
    assert len(rewards) == 8
    assert logs["rewards"]["assay_reward"] == rewards
    assert logs["history"][0]["rewards/assay_reward/mean"] == pytest.approx(sum(rewards) / 8)
    assert (tmp_path / "out" / "reward.json").is_file()


def _indent(script: str) -> str:
    return "".join(f"    {line}\n" for line in script.splitlines())


def _case(prompt: list[dict[str, str]], completion: list[dict[str, str]], golds: dict[str, str]) -> GradingCase:
    question, text = prompt[-1]["content"], completion[0]["content"]
    problem = Problem.of(question)
    rollout = Rollout(f"{question} {text}", problem.id, "", "", "", 0, -1, text, 0, "stop")
    return GradingCase(problem, Label.of(problem.id, golds[question], verifier="math"), rollout)
