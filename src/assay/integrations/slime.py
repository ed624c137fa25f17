"""slime: a reward for `--custom-rm-path`."""

import asyncio
from collections.abc import Sequence
from typing import Any

from assay.integrations.reward import Answer, Reward


async def score_samples(reward: Reward, samples: Any) -> Any:
    """Return the reward of one sample, or a list of them for the samples of a group.

    A sample whose verifier failed gets 0 and is marked with `remove_sample`, so that slime leaves it out of the loss.

    Args:
        reward: of the data set.
        samples: one of slime's samples or a list of them: `response`, `metadata` and `status` are read.
    """
    group = samples if isinstance(samples, Sequence) else [samples]
    answers = [Answer(sample.metadata, sample.response, _finish(sample)) for sample in group]
    rewards = await asyncio.to_thread(reward.rewards, answers)
    for sample, value in zip(group, rewards, strict=True):
        if value is None:
            sample.remove_sample = True
    scores = [0.0 if value is None else value for value in rewards]
    return scores if isinstance(samples, Sequence) else scores[0]


def _finish(sample: Any) -> Any:
    return "length" if getattr(sample.status, "value", sample.status) == "truncated" else "stop"
