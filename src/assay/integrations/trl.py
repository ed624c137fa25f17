"""TRL: rewards with the signature of `GRPOTrainer(reward_funcs=...)`."""

from collections.abc import Mapping, Sequence
from typing import Any

from assay.integrations.reward import Answer, Reward

Chat = Sequence[Mapping[str, str]]


def score_completions(
    reward: Reward,
    completions: Sequence[Chat | str],
    columns: Mapping[str, Sequence[Any]],
    *,
    completion_ids: Sequence[Sequence[int]] | None = None,
    max_tokens: int = 0,
) -> list[float | None]:
    """Return one reward per completion; None, which TRL keeps out of a group, where the verifier failed.

    Args:
        reward: of the data set.
        completions: chats or texts.
        columns: the data set's columns, one value per completion.
        completion_ids: token ids of the completions, by which those that were cut are recognised.
        max_tokens: the cap, `max_completion_length`; 0 = the cap of each row's record.
    """
    answers = []
    for place, completion in enumerate(completions):
        text = completion if isinstance(completion, str) else completion[-1]["content"]
        record = {name: values[place] for name, values in columns.items()}
        cap = max_tokens or int(record.get("max_tokens") or 0)
        is_cut = bool(cap and completion_ids and len(completion_ids[place]) >= cap)
        answers.append(Answer(record, text, "length" if is_cut else "stop"))
    return reward.rewards(answers)
