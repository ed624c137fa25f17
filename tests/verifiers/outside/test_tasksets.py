"""Rewards of a taskset of the verifiers library."""

import sys
from collections.abc import Callable, Iterator

import pytest

from assay.core.errors import ConfigError
from assay.core.parts import build_part
from assay.core.types import GradingCase
from assay.verifiers.pool.grader import Grader

TASKSET = """
import verifiers.v1 as vf


class SumsData(vf.TaskData):
    answer: str


class SumsTask(vf.Task[SumsData]):
    @vf.reward(weight=1.0)
    async def correct(self, trace: vf.Trace) -> float:
        return float(trace.last_reply.endswith(self.data.answer))

    @vf.reward(weight=0.25)
    async def brief(self, trace: vf.Trace) -> float:
        return float(len(trace.last_reply) < 4)


class SumsConfig(vf.TasksetConfig):
    num_tasks: int = 5


class SumsTaskset(vf.Taskset[SumsTask, SumsConfig]):
    def load(self):
        return [SumsTask(SumsData(prompt=f"{n} + 1?", answer=str(n + 1)), self.config.task) for n in range(self.config.num_tasks)]


__all__ = ["SumsTaskset"]
"""


@pytest.fixture(scope="module")
def taskset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of an installed taskset, a module on the import path."""
    pytest.importorskip("verifiers.v1")
    folder = tmp_path_factory.mktemp("taskset")
    (folder / "lab_sums.py").write_text(TASKSET)
    sys.path.insert(0, str(folder))
    yield "verifiers:lab-sums"
    sys.path.remove(str(folder))


def test_a_task_scores_the_completion_with_its_weights(case: Callable[..., GradingCase], taskset: str) -> None:
    cases = [case("not read", text, prompt="3 + 1?", verifier=taskset) for text in ("4", "It is 4", "5")]
    with Grader(limit_s=30.0, workers=1) as grader:
        verdicts = grader.judge([*cases, case("2", "2", prompt="9 + 1?", verifier=taskset)])
    assert [(v.outcome, v.reward) for v in verdicts[:3]] == [("correct", 1.25), ("correct", 1.0), ("wrong", 0.25)]
    assert (verdicts[3].outcome, verdicts[3].reason) == ("verifier_error", "no task of the taskset has this prompt")


def test_settings_are_those_of_the_taskset_s_config(case: Callable[..., GradingCase], taskset: str) -> None:
    with Grader(limit_s=30.0, workers=1, settings={taskset: {"num_tasks": 10}}) as grader:
        assert grader.judge([case("", "10", prompt="9 + 1?", verifier=taskset)])[0].outcome == "correct"


def test_without_the_library_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "verifiers", None)
    with pytest.raises(ConfigError, match=r"verifiers is not installed: pip install 'assay-curation\[verifiers\]'"):
        build_part("verifier", "verifiers:gsm8k-v1")
