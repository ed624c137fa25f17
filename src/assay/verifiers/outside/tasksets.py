"""`verifiers:TASKSET`: the rewards of a taskset of the verifiers library (v1), which prime-rl trains on.

A stored attempt becomes a trace of one turn, and the task's own `score` gives it its rewards.
"""

import asyncio
import importlib
import inspect
from collections.abc import Callable
from typing import Any

from assay.core.errors import ConfigError, require
from assay.core.tasksets import load_tasks
from assay.core.types import GradingCase, Label, Problem, Verdict
from assay.verifiers.answers.verdicts import Grade, settle_verdict
from assay.verifiers.outside.plugins import source_version


def load_taskset(place: str) -> Callable[..., "TasksetReward"]:
    """Return a function that builds the verifier of a taskset from settings, which are those of the taskset's config.

    Raises:
        ConfigError: the library or the taskset is not installed.
    """
    require("verifiers", extra="verifiers")

    def build(**settings: Any) -> TasksetReward:
        return TasksetReward(f"verifiers:{place}", load_tasks(place, settings, f"verifier 'verifiers:{place}'"))

    return build


class TasksetReward:
    """A verifier made of a taskset: each problem is looked up among its tasks, and the task scores the completion.

    A problem belongs to the task whose key is the problem's id, else to that whose key or prompt is its own prompt.
    The reward is the weighted sum of the task's rewards, as the library has it, and correct from 1 on. The task
    holds the gold answer; the label's own is not read. Rewards that need a container or a sandbox are refused.
    """

    evaluates_text = True

    def __init__(self, name: str, tasks: list[Any]) -> None:
        if not tasks:
            raise ConfigError(f"verifier {name!r}: the taskset has no tasks")
        self.name, self.version = name, source_version(name)
        if needing := [fn.__name__ for fn in tasks[0].hooks("reward") if _needs_runtime(fn)]:
            raise ConfigError(
                f"verifier {name!r}: its reward {needing[0]!r} needs a runtime, which stored attempts do not have"
            )
        self.tasks = {key: task for task in reversed(tasks) for key in (task.key, task.data.prompt_text.strip())}

    def judge(self, case: GradingCase) -> Verdict:
        """Judge one case with its task, in this process."""
        return settle_verdict(case, self._grade, verifier=self.name, version=self.version)

    def reads(self, label: Label) -> bool:
        """Return True: the task holds the gold answer."""
        return True

    def _grade(self, case: GradingCase) -> Grade:
        task = self._find_task(case.problem)
        if task is None:
            return Grade(None, reason="no task of the taskset has this prompt", failed=True)
        reward = score_completion(task, case.rollout.text)
        return Grade(reward >= 1, "", "taskset", reward=reward)

    def _find_task(self, problem: Problem) -> Any:
        last = next((turn.content for turn in reversed(problem.messages) if turn.role == "user"), "")
        keys = (problem.id, last.strip(), problem.text.strip())
        return next((self.tasks[key] for key in keys if key in self.tasks), None)


def score_completion(task: Any, text: str, *, truncated: bool = False) -> float:
    """Return the reward that a task of the verifiers library gives a completion.

    Args:
        task: an object of a class that derives from `verifiers.v1.Task`.
        text: of the model's only turn.
        truncated: whether the turn was cut at the token cap.
    """
    trace = build_trace(task, text, truncated=truncated)
    asyncio.run(task.score(trace))
    return float(trace.reward)


def build_trace(task: Any, text: str, *, truncated: bool = False) -> Any:
    """Return the trace of one turn, as the library's own rollouts leave it."""
    graph, trace, types = (importlib.import_module(f"verifiers.v1.{name}") for name in ("graph", "trace", "types"))
    agent = importlib.import_module("verifiers.v1.configs.agent")
    turns = [types.UserMessage(content=task.data.prompt_text), types.AssistantMessage(content=text)]
    nodes = [
        graph.MessageNode(message=turn, parent=place - 1 if place else None, sampled=place > 0)
        for place, turn in enumerate(turns)
    ]
    return trace.Trace(
        task=trace.TraceTask(type=type(task).__name__, data=task.data, key=task.key, hash=task.hash),
        agent=trace.AgentInfo(config=agent.AgentConfig()),
        nodes=nodes,
        calls=[trace.ModelCall(node=len(nodes) - 1, finish_reason="length" if truncated else "stop")],
    )


def _needs_runtime(function: Any) -> bool:
    parameters = inspect.signature(function).parameters
    return "runtime" in parameters and parameters["runtime"].default is parameters["runtime"].empty
