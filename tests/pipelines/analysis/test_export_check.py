"""Exported rewards give what the lake's verdicts say, called as each trainer calls them."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.api import NullReporter
from assay.core.config import parse_config
from assay.core.errors import ConfigError
from assay.core.parts import build_part, list_parts
from assay.integrations.curriculum import load_curriculum
from assay.integrations.reward import Answer, load_reward
from assay.pipelines.analysis.export import export
from assay.pipelines.analysis.export_check import check_export
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import run_stages
from assay.stores.lake import Lake

LIBRARIES = {
    "verifiers": "verifiers.v1",
    "skyrl": "skyrl_gym",
}  # of exports whose reward derives from the trainer's class
REWARDED = [name for name in list_parts("export") if "files" in dir(build_part("export", name))]
RIGHT, WRONG = "So \\boxed{%d}", "So \\boxed{77}"
TEXTS = (RIGHT, WRONG, "I do not know", "one two three four five six seven eight nine ten eleven twelve")
LAB = """
def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    if "know" in solution_str:
        raise RuntimeError("not a number")
    return {"score": 2.0 if ground_truth in solution_str else 0.25, "acc": ground_truth in solution_str}


compute_score.evaluates_text = False  # one process judges many texts
"""


def make_context(folder: Path, verifier: str = "math", **tables: Any) -> tuple[Lake, RunContext]:
    """A finished run over ten sums, of whose attempts a quarter each is right, wrong, unparsable and cut."""
    rows = [{"id": f"row-{n}", "prompt": f"What is {n} + 1?", "answer": str(n + 1), "level": n % 3} for n in range(10)]
    (folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    answers = {row["prompt"]: [text % int(row["answer"]) if "%" in text else text for text in TEXTS] for row in rows}
    source = {
        "type": "files",
        "paths": str(folder / "sums.jsonl"),
        "metadata_fields": ["id", "level"],
        "verifier": verifier,
    }
    config = parse_config(
        {
            "name": "sums",
            "lake": str(folder / "lake"),
            "source": [source],
            "clean": {"filters": []},
            "policy": {"model": "scripted", "engine": "scripted", "answers": answers, "max_tokens": 8},
            "score": {"n": 4, "stop_early": False},
            "embed": {"encoder": "tfidf", "clusters": 2},
            "select": {"selector": "uniform", "budget": 8},
            **tables,
        }
    )
    lake = Lake(config.lake)
    context = RunContext(config, lake, NullReporter())
    with context:
        run_stages(context)
    return lake, context


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunContext]:
    """A run whose verifier starts in a tenth of the time that `math` takes, since every reward starts it anew."""
    lake, context = make_context(tmp_path_factory.mktemp("checked"), verifier="numeric")
    yield context
    context.judge.close()
    lake.close()


@pytest.mark.parametrize("to", REWARDED)
def test_every_verdict_of_an_exported_reward_is_the_lake_s(finished: RunContext, tmp_path: Path, to: str) -> None:
    if to in LIBRARIES:
        pytest.importorskip(LIBRARIES[to])
    export(finished, to, tmp_path / "out")
    check = check_export(finished, to, tmp_path / "out")
    assert check.sent == {"gold": 8, "correct": 8, "wrong": 8, "unparsable": 8, "truncated": 8}
    assert (check.differing, check.examples) == ({}, [])
    assert check.equal


def test_every_verdict_of_an_exported_reward_of_the_verifier_math_is_the_lake_s(tmp_path: Path) -> None:
    lake, context = make_context(tmp_path)
    with lake:
        export(context, "trl", tmp_path / "out")
        check = check_export(context, "trl", tmp_path / "out")
        context.judge.close()
    assert check.sent == {"gold": 8, "correct": 8, "wrong": 8, "unparsable": 8, "truncated": 8}
    assert check.equal


def test_a_reward_that_differs_is_shown_with_both_rewards(finished: RunContext, tmp_path: Path) -> None:
    export(finished, "trl", tmp_path / "out")
    (tmp_path / "out" / "reward.py").write_text(
        "def assay_reward(completions, **columns): return [1.0] * len(completions)\n"
    )
    check = check_export(finished, "trl", tmp_path / "out")
    assert check.differing == {"wrong": 8, "unparsable": 8, "truncated": 8}
    assert (check.examples[0]["lake"], check.examples[0]["exported"]) == (0.0, 1.0)
    assert not check.equal


def test_the_row_carries_what_was_kept_and_measured(finished: RunContext, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    export(finished, "verl", tmp_path / "out")
    info = pq.read_table(tmp_path / "out" / "train.parquet").to_pylist()[0]["extra_info"]
    kept = json.loads(info["metadata"])
    assert info["row_id"] == kept["id"]
    assert kept["level"] in (0, 1, 2)
    assert (info["correct"], info["wrong"], info["truncated"], info["max_tokens"]) == (1, 2, 1, 8)
    assert 0 < info["low"] < info["mean"] < info["high"] < 1
    assert (info["verifier"], info["verifier_version"]) == ("numeric", finished.judge.version("numeric"))


def test_an_export_of_data_alone_has_no_reward_to_check(finished: RunContext, tmp_path: Path) -> None:
    export(finished, "jsonl", tmp_path / "out")
    with pytest.raises(ConfigError, match="carries only data"):
        check_export(finished, "jsonl", tmp_path / "out")


def test_a_reward_from_outside_travels_along_with_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "sum_reward.py").write_text(LAB)
    lake, context = make_context(tmp_path, verifier="verl:lab/sum_reward.py:compute_score")
    checks = {}
    with lake:
        for to in ("verl", "trl"):
            assert "lab/sum_reward.py" in export(context, to, tmp_path / to)["files"]
            checks[to] = check_export(context, to, tmp_path / to)
        context.judge.close()
    shutil.rmtree(tmp_path / "lab")
    monkeypatch.chdir("/")
    record = {"assay_id": "p", "messages": "[]", "metadata": "{}", "source": "", "gold": "4"}
    record["verifier"] = "verl:lab/sum_reward.py:compute_score"
    for to, check in checks.items():
        reward = load_reward(str(tmp_path / to / "reward.py"))
        assert reward.rewards([Answer(record, "4"), Answer(record, "5")]) == [2.0, 0.25]
        reward.close()
        assert check.sent == {"gold": 8, "correct": 8, "truncated": 8, "verifier_error": 8, "wrong": 8}
        # verl does not tell a reward that a completion was cut, so this one pays it .25 where the lake has 0.
        assert check.differing == ({"truncated": 8} if to == "verl" else {})


@pytest.mark.parametrize(
    ("place", "said"), [("reward.py", "rename the file"), ("../own.py", "above the config's folder")]
)
def test_a_reward_s_file_overwrites_neither_the_export_s_own_nor_what_lies_outside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, said: str
) -> None:
    (tmp_path / "plans").mkdir()
    monkeypatch.chdir(tmp_path / "plans")
    Path(place).write_text(LAB)
    lake, context = make_context(tmp_path, verifier=f"verl:{place}:compute_score")
    with lake:
        with pytest.raises(ConfigError, match=said):
            export(context, "verl", tmp_path / "plans" / "out")
        assert not (tmp_path / "plans" / "out").exists()
        export(context, "jsonl", tmp_path / "plans" / "data")
        context.judge.close()


def test_an_adaptive_curriculum_travels_along_with_its_pool(tmp_path: Path) -> None:
    lake, context = make_context(
        tmp_path, verifier="numeric", order={"curriculum": "posterior", "half_life_steps": 9.0}
    )
    with lake:
        files = {to: export(context, to, tmp_path / to)["files"] for to in ("verl", "slime")}
        context.judge.close()
    for to, file in (("verl", "sampler.py"), ("slime", "data_source.py")):
        assert {file, "curriculum.json"} <= set(files[to])
        curriculum = load_curriculum(tmp_path / to / "curriculum.json")
        assert len(set(curriculum.sample(8))) == 8
        assert json.loads((tmp_path / to / "curriculum.json").read_text())["settings"] == {"half_life_steps": 9.0}
