"""Rewards that were written for verl and TRL, called as these trainers call them."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from assay.core.errors import ConfigError
from assay.core.parts import build_part
from assay.core.types import GradingCase
from assay.verifiers.outside.plugins import CallLimits, wrap_plugin
from assay.verifiers.pool.grader import Grader

Case = Callable[..., GradingCase]

VERL_FILE = """
import asyncio, os, re, time


def compute_score(data_source, solution_str, ground_truth, extra_info=None, bonus=0.0):
    found = re.findall(r"#### (-?[0-9.,]+)", solution_str)
    return {"score": bonus + float(bool(found) and found[-1] == ground_truth), "acc": bool(found) and found[-1] == ground_truth}


def batch_score(data_sources, solution_strs, ground_truths, extra_infos, **kwargs):
    return [{"score": float(text.endswith(gold)), "pred": str(len(solution_strs))} for text, gold in zip(solution_strs, ground_truths)]


async def ask_judge(data_source, solution_str, ground_truth, extra_info=None):
    await asyncio.sleep(0.3)
    return float(os.environ.get("LAB_JUDGE_KEY", "") == "key" and solution_str == ground_truth)


def hangs(data_source, solution_str, ground_truth, extra_info=None):
    time.sleep(60)


def fails_on_odd(data_sources, solution_strs, ground_truths, extra_infos):
    if len(solution_strs) > 1 and "odd" in solution_strs:
        raise RuntimeError("an odd one")
    return [float(text == gold) for text, gold in zip(solution_strs, ground_truths)]


def other_words(prompt, answer):
    return 1.0


ask_judge.evaluates_text = False
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a verl reward file and a module of TRL rewards."""
    path = tmp_path_factory.mktemp("rewards")
    (path / "verl_reward.py").write_text(VERL_FILE)
    (path / "trl_reward.py").write_text(
        "def level_reward(prompts, completions, answer, level, **kwargs):\n"
        "    texts = [completion[0]['content'] for completion in completions]\n"
        "    return [None if text == 'skip' else float(text == gold) * int(n) for text, gold, n in zip(texts, answer, level)]\n"
        "async def slow_reward(completions, solution, **kwargs):\n"
        "    return [float(c[0]['content'] == s) for c, s in zip(completions, solution)]\n"
        "def token_reward(completion_ids, **kwargs):\n"
        "    return [1.0 for _ in completion_ids]\n"
    )
    return path


def outcomes(verifier: str, cases: list[GradingCase], **settings: object) -> list[tuple[str, float, str]]:
    with Grader(limit_s=5.0, workers=1, **settings) as grader:  # type: ignore[arg-type]
        return [(verdict.outcome, verdict.reward, verdict.reason) for verdict in grader.judge(cases)]


def test_a_verl_reward_file_runs_unchanged_with_its_reward_kwargs(case: Case, folder: Path) -> None:
    name = f"verl:{folder / 'verl_reward.py'}:compute_score"
    cases = [case("72", text, verifier=name) for text in ("so #### 72", "so 72")]
    assert [row[:2] for row in outcomes(name, cases)] == [("correct", 1.0), ("wrong", 0.0)]
    with_bonus = outcomes(name, cases, settings={name: {"bonus": 0.5}})
    assert [row[:2] for row in with_bonus] == [("correct", 1.5), ("wrong", 0.5)]
    with Grader() as plain, Grader(settings={name: {"bonus": 0.5}}) as other:
        assert plain.version(name) != other.version(name)
    with pytest.raises(ConfigError, match="no setting 'bonsu'"):
        build_part("verifier", name, {"bonsu": 1})


def test_a_reward_with_lists_is_called_with_batches_of_the_set_size(case: Case, folder: Path) -> None:
    name = f"verl:{folder / 'verl_reward.py'}:batch_score"
    cases = [case("4", f"{n} 4", verifier=name) for n in range(5)]
    with Grader(workers=1, outside={name: CallLimits(batch_size=4)}) as grader:
        verdicts = grader.judge(cases)
    assert [verdict.outcome for verdict in verdicts] == ["correct"] * 5
    assert sorted(verdict.extracted for verdict in verdicts) == ["1", "4", "4", "4", "4"]  # the sizes of its calls


def test_a_call_that_fails_costs_only_the_case_that_fails_alone(case: Case, folder: Path) -> None:
    name = f"verl:{folder / 'verl_reward.py'}:fails_on_odd"
    cases = [case("4", text, verifier=name) for text in ("4", "odd", "5")]
    found = outcomes(name, cases, outside={name: CallLimits(batch_size=8)})
    assert [row[0] for row in found] == ["correct", "wrong", "wrong"]


def test_coroutines_of_one_call_wait_together_and_see_the_named_variable(
    case: Case, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_JUDGE_KEY", "key")
    name = f"verl:{folder / 'verl_reward.py'}:ask_judge"
    cases = [case(str(n), str(n), verifier=name) for n in range(16)]
    limits = CallLimits(batch_size=16, env=("LAB_JUDGE_KEY",))
    with Grader(workers=1, outside={name: limits}) as grader:
        grader.warm(name)
        start = time.perf_counter()
        assert [verdict.outcome for verdict in grader.judge(cases)] == ["correct"] * 16
        assert time.perf_counter() - start < 0.3 * 16 / 2
    assert "LAB_JUDGE_KEY" in os.environ
    assert [row[0] for row in outcomes(name, cases[:1])] == ["wrong"]  # not on the list, so not seen


def test_a_reward_that_hangs_costs_its_own_limit_and_is_an_error(case: Case, folder: Path) -> None:
    name = f"verl:{folder / 'verl_reward.py'}:hangs"
    start = time.perf_counter()
    found = outcomes(name, [case("4", "4", verifier=name)], outside={name: CallLimits(timeout_s=0.5)})
    assert (found[0][0], found[0][2]) == ("verifier_error", "time limit 0.5 s; the gold answer stops as well")
    assert time.perf_counter() - start < 20


def test_a_trl_reward_gets_chats_columns_and_the_gold(case: Case, folder: Path) -> None:
    name = f"trl:{folder / 'trl_reward.py'}:level_reward"
    cases = [case("4", text, verifier=name, metadata={"level": 2}) for text in ("4", "5", "skip")]
    found = outcomes(name, cases)
    assert [row[:2] for row in found] == [("correct", 2.0), ("wrong", 0.0), ("verifier_error", 0.0)]
    assert found[2][2] == "score None is no finite number"
    coroutine = f"trl:{folder / 'trl_reward.py'}:slow_reward"
    assert outcomes(coroutine, [case("4", "4", verifier=coroutine)])[0][0] == "correct"


def test_trl_s_own_accuracy_reward_runs_unchanged(case: Case) -> None:
    name = "trl:trl.rewards:accuracy_reward"
    cases = [case("\\frac{1}{2}", text, verifier=name) for text in ("\\boxed{\\frac{2}{4}}", "\\boxed{\\frac{1}{3}}")]
    with Grader(limit_s=60.0, workers=1) as grader:
        assert [verdict.outcome for verdict in grader.judge(cases)] == ["correct", "wrong"]


def test_a_signature_that_the_trainer_does_not_call_is_refused_by_name(folder: Path) -> None:
    place = folder / "verl_reward.py"
    with pytest.raises(ConfigError, match=r"is other_words\(prompt, answer\); verl calls other_words\(data_source"):
        wrap_plugin(f"verl:{place}:other_words", build_part("verifier", f"verl:{place}:other_words"))
    name = f"trl:{folder / 'trl_reward.py'}:token_reward"
    with pytest.raises(ConfigError, match="needs completion_ids"):
        wrap_plugin(name, build_part("verifier", name))
    with pytest.raises(ConfigError, match=r"no file 'gone\.py'"):
        build_part("verifier", "verl:gone.py:f")
    with pytest.raises(ConfigError, match="only verifiers may begin with verl:"):
        build_part("selector", f"verl:{place}:compute_score")
