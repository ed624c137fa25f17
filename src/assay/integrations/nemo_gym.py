"""NeMo Gym: the verdict on a response in the form of OpenAI's Responses API."""

import asyncio
from collections.abc import Mapping
from typing import Any

from assay.integrations.reward import Answer, Reward


async def verify_response(reward: Reward, record: Mapping[str, Any], response: Mapping[str, Any]) -> dict[str, Any]:
    """Return {reward, outcome, extracted_answer} of a response; the reward is 0 where the verifier failed.

    Args:
        reward: of the data set.
        record: the row's `record`.
        response: with `output` items and `incomplete_details`, as plain data.
    """
    answer = Answer(record, read_text(response), "length" if is_cut(response) else "stop")
    verdict = (await asyncio.to_thread(reward.judge, [answer]))[0]
    has_failed = verdict.outcome == "verifier_error"
    return {
        "reward": 0.0 if has_failed else float(verdict.reward),
        "outcome": verdict.outcome,
        "extracted_answer": verdict.extracted,
    }


def read_text(response: Mapping[str, Any]) -> str:
    """Return the text of a response's messages, without reasoning and tool calls."""
    messages = [item for item in response.get("output") or [] if item.get("type", "message") == "message"]
    return "".join(_content_text(message.get("content")) for message in messages)


def is_cut(response: Mapping[str, Any]) -> bool:
    """Return whether a response ended at the token cap."""
    return (response.get("incomplete_details") or {}).get("reason") == "max_output_tokens"


def _content_text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content or [] if part.get("type", "output_text") == "output_text")
