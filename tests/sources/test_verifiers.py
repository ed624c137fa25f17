"""A taskset of the verifiers library as a source, and its rewards as the verifier of its own tasks."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.core.errors import ConfigError
from assay.core.types import OPEN, Drop, Label, Problem
from assay.sources.verifiers import Verifiers

TASKSET = """
import verifiers.v1 as vf


class SumsData(vf.TaskData):
    answer: str | None = None
    level: int = 0


class SumsTask(vf.Task[SumsData]):
    @vf.reward(weight=1.0)
    async def correct(self, trace: vf.Trace) -> float:
        return float(trace.last_reply.endswith(self.data.answer or ""))


class SumsConfig(vf.TasksetConfig):
    num_tasks: int = 3


class SumsTaskset(vf.Taskset[SumsTask, SumsConfig]):
    def load(self):
        sums = [SumsData(prompt=f"{n} + 1?", answer=str(n + 1), level=n, system_prompt="Be brief.") for n in range(self.config.num_tasks)]
        picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
        others = [SumsData(prompt="Say anything."), SumsData(prompt=[{"role": "user", "content": [picture]}]), SumsData(prompt=None)]
        return [SumsTask(data, self.config.task) for data in [*sums, *others]]


__all__ = ["SumsTaskset"]
"""


@pytest.fixture(scope="module")
def taskset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of an installed taskset, a module on the import path."""
    pytest.importorskip("verifiers.v1")
    folder = tmp_path_factory.mktemp("taskset")
    (folder / "lab_source_sums.py").write_text(TASKSET)
    sys.path.insert(0, str(folder))
    yield "lab-source-sums"
    sys.path.remove(str(folder))


def test_each_task_is_a_problem_judged_by_its_own_rewards_or_a_drop(taskset: str) -> None:
    rows = list(Verifiers(taskset=taskset, settings={"num_tasks": 2}, metadata_fields=("level",)).read())
    problems = [row for row in rows if not isinstance(row, Drop)]
    assert [[tuple(turn) for turn in problem.messages] for problem, _ in problems] == [
        [("system", "Be brief."), ("user", "0 + 1?")],
        [("system", "Be brief."), ("user", "1 + 1?")],
        [("user", "Say anything.")],
    ]
    assert [label.answer for _, label in problems] == ["1", "2", OPEN]
    assert {label.verifier for _, label in problems} == {f"verifiers:{taskset}"}
    assert problems[1][0].metadata == '{"level":1}'
    assert [(row.reason, row.line) for row in rows if isinstance(row, Drop)] == [("bad_task", 4), ("bad_task", 5)]


def test_another_verifier_reads_the_answers_and_a_limit_the_first_tasks(taskset: str) -> None:
    ((problem, label),) = Verifiers(taskset=taskset, verifier="math", limit=1).read()
    assert isinstance(problem, Problem)
    assert label == Label.of(problem.id, "1", verifier="math")


def test_an_edited_taskset_and_other_settings_are_another_source(taskset: str) -> None:
    import importlib.util

    before = Verifiers(taskset=taskset).fingerprint()
    assert Verifiers(taskset=taskset, settings={"num_tasks": 2}).fingerprint() != before
    path = Path(str(importlib.util.find_spec(taskset.replace("-", "_")).origin))  # type: ignore[union-attr]
    path.write_text(TASKSET + "\n# edited\n")
    assert Verifiers(taskset=taskset).fingerprint() != before


def test_a_taskset_that_is_not_there_is_one_line() -> None:
    pytest.importorskip("verifiers.v1")
    with pytest.raises(ConfigError, match="source 'verifiers:no-such-tasks'"):
        Verifiers(taskset="no-such-tasks").check()


def test_without_the_library_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "verifiers", None)
    with pytest.raises(ConfigError, match=r"verifiers is not installed: pip install 'assay-curation\[verifiers\]'"):
        Verifiers(taskset="x").check()
