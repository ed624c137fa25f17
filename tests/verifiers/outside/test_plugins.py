"""Rewards that live outside the package."""

import sys
from types import SimpleNamespace

import pytest

from assay.core.errors import ConfigError
from assay.core.types import Verdict
from assay.verifiers.outside import plugins
from assay.verifiers.outside.plugins import load_verifier, source_version, wrap_plugin

NAME = "python:somewhere:reward"


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module file whose source can be set."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "lab_reward_source.py"


def reward_of(value):
    def reward(data_source, solution_str, ground_truth, extra_info):
        return value

    return reward


def judge(case, monkeypatch, value):
    monkeypatch.setattr("assay.verifiers.outside.plugins.source_version", lambda name: "v")
    return wrap_plugin(NAME, reward_of(value)).judge(case("4", "4", verifier=NAME))


@pytest.mark.parametrize(
    ("value", "outcome", "reward"),
    [
        (1.0, "correct", 1.0),
        (0.1, "wrong", 0.1),
        (-1, "wrong", -1.0),
        ({"score": 0.5, "acc": True}, "correct", 0.5),
        ({"score": 1.0, "acc": False}, "wrong", 1.0),
        (None, "verifier_error", 0.0),
        (float("nan"), "verifier_error", 0.0),
        ("1", "verifier_error", 0.0),
        (True, "correct", 1.0),
        ((0.5, "why"), "wrong", 0.5),
        ([], "verifier_error", 0.0),
        ({}, "verifier_error", 0.0),
    ],
)
def test_a_score_becomes_a_verdict(case, monkeypatch, value, outcome, reward):
    verdict = judge(case, monkeypatch, value)
    assert (verdict.outcome, verdict.reward) == (outcome, reward)


def test_the_version_follows_the_source(module):
    module.write_text("def reward(**_):\n    return 1\n")
    first = source_version("python:lab_reward_source:reward")
    assert first == source_version("python:lab_reward_source:reward")
    module.write_text("def reward(**_):\n    return 0\n")
    assert first != source_version("python:lab_reward_source:reward")


def test_what_does_not_exist_or_does_not_judge_is_refused():
    with pytest.raises(ConfigError, match="no_such_module"):
        source_version("python:no_such_module:reward")
    with pytest.raises(ConfigError, match="int"):
        wrap_plugin(NAME, 3)


def test_the_arguments_are_those_that_verl_gives(case, monkeypatch):
    monkeypatch.setattr("assay.verifiers.outside.plugins.source_version", lambda name: "v")
    calls = []

    def reward(data_source, solution_str, ground_truth, extra_info=None, **more):
        calls.append((data_source, solution_str, ground_truth, extra_info, more))
        return 1.0

    own = {"data_source": "openai/gsm8k", "extra_info": {"index": 3, "split": "train"}}
    for metadata in (own, {"level": 2}, None):
        wrap_plugin(NAME, reward).judge(case("4", "so 4", verifier=NAME, metadata=metadata))
    assert calls == [
        ("openai/gsm8k", "so 4", "4", {"index": 3, "split": "train"}, {}),
        ("", "so 4", "4", {"level": 2}, {}),
        ("", "so 4", "4", {}, {}),
    ]


def test_a_coroutine_is_awaited(case, monkeypatch):
    monkeypatch.setattr("assay.verifiers.outside.plugins.source_version", lambda name: "v")

    async def reward(data_source, solution_str, ground_truth, extra_info):
        return {"score": 1.0, "pred": "4"}

    verdict = wrap_plugin(NAME, reward).judge(case("4", "4", verifier=NAME))
    assert (verdict.outcome, verdict.extracted) == ("correct", "4")


def test_a_graded_reward_is_correct_from_its_threshold_on(case, monkeypatch):
    monkeypatch.setitem(sys.modules, "graded_rewards", SimpleNamespace(reward=reward_of(0.45)))
    name = "python:graded_rewards:reward"
    monkeypatch.setattr(plugins, "source_version", lambda _: "source-1")
    graded = load_verifier(name, {"correct_at": 0.4}).judge(case("4", "4", verifier=name))
    below = load_verifier(name, {"correct_at": 0.5}).judge(case("4", "4", verifier=name))
    assert (graded.outcome, graded.reward) == ("correct", 0.45)
    assert (below.outcome, below.reward) == ("wrong", 0.45)


def test_who_says_that_rewards_are_graded_must_be_given_a_threshold(monkeypatch):
    reward = reward_of(0.45)
    reward.graded = True
    monkeypatch.setitem(sys.modules, "graded_rewards", SimpleNamespace(reward=reward))
    with pytest.raises(ConfigError, match="correct_at"):
        load_verifier("python:graded_rewards:reward", {})
    with pytest.raises(ConfigError, match="finite number"):
        load_verifier("python:graded_rewards:reward", {"correct_at": "half"})


def test_the_threshold_also_decides_for_a_class_from_outside(case, monkeypatch):
    class Half:
        version = "1"
        graded = True

        def judge(self, asked):
            return Verdict.of(asked, verifier="half", version="1", outcome="wrong", reward=-2.5)

        def reads(self, label):
            return True

    monkeypatch.setitem(sys.modules, "graded_rewards", SimpleNamespace(Half=Half))
    verifier = load_verifier("python:graded_rewards:Half", {"correct_at": -3.0})
    assert verifier.judge(case("4", "4")).outcome == "correct"
    assert (verifier.reads(None), verifier.version) == (True, "1")


def test_a_plain_reward_gets_problem_answer_and_text(case, monkeypatch):
    monkeypatch.setattr("assay.verifiers.outside.plugins.source_version", lambda name: "v")
    seen = []

    def reward(problem, answer, text) -> float:
        seen.append((problem.text, answer, text))
        return float(answer in text)

    verdict = wrap_plugin(NAME, reward).judge(case("4", "so 4", verifier=NAME))
    assert (verdict.outcome, verdict.reward) == ("correct", 1.0)
    ((problem, answer, text),) = seen
    assert problem
    assert (answer, text) == ("4", "so 4")


@pytest.mark.parametrize("function", [lambda text: 1.0, lambda solution_str, ground_truth: 1.0, lambda: 0.0])
def test_a_function_that_is_no_reward_is_named_with_both_forms(monkeypatch, function):
    monkeypatch.setattr("assay.verifiers.outside.plugins.source_version", lambda name: "v")
    with pytest.raises(ConfigError, match=r"a reward is .*\(problem, answer, text\) -> float, or verl's"):
        wrap_plugin(NAME, function)
