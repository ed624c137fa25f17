"""`vf-eval` of the verifiers library evaluates an exported taskset against a served model, without any network."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from assay.api import NullReporter
from assay.core.config import parse_config
from assay.core.types import GradingCase, Label, Problem, Rollout
from assay.pipelines.analysis.export import export
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.stores.lake import Lake

pytestmark = pytest.mark.service

EVALUATE = """
ip link set lo up
{python} -m assay curate serve-model --engine scripted --set 'rule="sum"' --port 8123 2> server.log &
server=$!
until grep -q "at http" server.log; do sleep 0.2; done
ANY_KEY=x {vf_eval} assay-tasks --no-push --no-rich -m scripted -r 2 --output-dir evaluated \\
  --client.base-url http://127.0.0.1:8123/v1 --client.api-key-var ANY_KEY --env.agent.runtime.type subprocess
status=$?
kill -INT $server
exit $status
"""


def test_rewards_of_an_evaluation_are_the_lake_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("verifiers.v1")
    vf_eval = Path(sys.executable).with_name("vf-eval")
    if not vf_eval.exists() or shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("needs vf-eval, unshare and ip")
    rows = [{"prompt": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(6)]
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = parse_config(
        {
            "lake": str(tmp_path / "lake"),
            "source": [{"type": "files", "paths": str(tmp_path / "sums.jsonl")}],
            "policy": {"model": "scripted", "engine": "scripted", "rule": "sum", "system": "Be brief."},
            "score": {"n": 2},
            "embed": {"encoder": "tfidf", "clusters": 2},
            "select": {"selector": "uniform", "budget": 6},
        }
    )
    with Lake(config.lake) as lake, RunContext(config, lake, NullReporter()) as context:
        run_stages(context)
        export(context, "verifiers", tmp_path / "out")
        monkeypatch.setenv("PYTHONPATH", ":".join([str(tmp_path / "out"), *filter(None, sys.path)]))
        script = EVALUATE.format(python=sys.executable, vf_eval=vf_eval)
        command = ["unshare", "--map-root-user", "--net", "bash", "-c", script]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
        (file,) = (tmp_path / "evaluated").rglob("traces.jsonl")
        episodes = [json.loads(line) for line in file.read_text().splitlines()]
        traces = [trace for episode in episodes for trace in episode["traces"]]
        verdicts = context.judge.judge([_case(trace, rows) for trace in traces])
        context.judge.close()
    assert len(traces) == 12
    assert [trace["rewards"]["verdict"]["score"] for trace in traces] == [verdict.reward for verdict in verdicts]
    assert {verdict.outcome for verdict in verdicts} == {"correct", "wrong"}
    assert traces[0]["nodes"][0]["message"]["role"] == "system"


def _case(trace: dict[str, Any], rows: list[dict[str, str]]) -> GradingCase:
    turns = [node["message"] for node in trace["nodes"]]
    question = next(turn["content"] for turn in turns if turn["role"] == "user")
    problem = Problem.of(question)
    text = turns[-1]["content"]
    rollout = Rollout(question + text, problem.id, "", "", "", 0, -1, text, 0, "stop")
    gold = next(row["answer"] for row in rows if row["prompt"] == question)
    return GradingCase(problem, Label.of(problem.id, gold, verifier="math"), rollout)
