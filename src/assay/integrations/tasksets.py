"""The verifiers library: what an exported taskset package calls to score and to validate."""

import asyncio
import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from assay.core.errors import require
from assay.core.export_rows import CheckedAttempt, Row
from assay.core.types import Label
from assay.filters.unverifiable import gold_rollouts
from assay.integrations.reward import Answer, Reward
from assay.verifiers.outside.tasksets import build_trace


class VerifierFailed(RuntimeError):
    """The verifier could not judge: the library records it as an error of the task."""


async def score_trace(reward: Reward, record: Mapping[str, Any], trace: Any) -> float:
    """Return the reward of a trace's last completion.

    Raises:
        VerifierFailed: the verifier could not judge it.
    """
    turns = trace.assistant_messages
    answer = Answer(record, (turns[-1].content or "") if turns else "", "length" if trace.is_truncated else "stop")
    verdict = (await asyncio.to_thread(reward.judge, [answer]))[0]
    if verdict.outcome == "verifier_error":
        raise VerifierFailed(f"verifier {verdict.verifier!r}: {verdict.reason}")
    return float(verdict.reward)


async def complete_chat(url: str, key: str, model: str, system: str | None, prompt: Any) -> str:
    """Ask a model behind an OpenAI-compatible address for one completion, and return its text.

    Args:
        url: of the library's interception server, which records the call.
        key: that it wants.
        model: its name.
        system: the system prompt, if any.
        prompt: a text, or turns of the library.
    """
    openai = require("openai", extra="verifiers")
    turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else [_as_dict(turn) for turn in prompt]
    head = [{"role": "system", "content": system}] if system else []
    async with openai.AsyncOpenAI(base_url=url, api_key=key) as client:
        completion = await client.chat.completions.create(model=model, messages=[*head, *turns])
    return str(completion.choices[0].message.content or "")


def _as_dict(turn: Any) -> dict[str, str]:
    return {"role": turn.role, "content": turn.content}


async def gold_is_accepted(reward: Reward, record: Mapping[str, Any]) -> bool | None:
    """Return whether the gold answer is judged correct in one of its usual forms; None where it has none."""
    label = Label.of(record["assay_id"], record["gold"], verifier=record["verifier"])
    answers = [Answer(record, rollout.text) for rollout in gold_rollouts(label)]
    if not answers:
        return None
    verdicts = await asyncio.to_thread(reward.judge, answers)
    return any(verdict.outcome == "correct" for verdict in verdicts)


def score_attempts(package: Path, rows: Sequence[Row], attempts: Sequence[CheckedAttempt]) -> list[float | None]:
    """Return the reward of each attempt by the exported package's own tasks; None where the verifier failed.

    Args:
        package: the folder of the package.
        rows: the exported row of each attempt.
        attempts: to score.

    Raises:
        ConfigError: the library is not installed.
    """
    require("verifiers", extra="verifiers")
    loaders = importlib.import_module("verifiers.v1.utils.loaders")
    sys.path.insert(0, str(package.parent))
    try:
        for name in [name for name in sys.modules if name.partition(".")[0] == package.name]:
            del sys.modules[name]  # of another export of the same name
        config = loaders.taskset_config_type(package.name).model_validate({"id": package.name})
        tasks = {task.key: task for task in loaders.load_taskset(config)}
    finally:
        sys.path.remove(str(package.parent))
    return asyncio.run(_score_all([tasks[row["key"]] for row in rows], attempts))


async def _score_all(tasks: Sequence[Any], attempts: Sequence[CheckedAttempt]) -> list[float | None]:
    rewards: list[float | None] = []
    for task, attempt in zip(tasks, attempts, strict=True):
        trace = build_trace(task, attempt.text, truncated=attempt.finish == "length")
        try:
            await task.score(trace)
            rewards.append(float(trace.reward))
        except Exception as error:
            if not isinstance(error.__cause__, VerifierFailed) and not isinstance(error, VerifierFailed):
                raise
            rewards.append(None)
    return rewards
