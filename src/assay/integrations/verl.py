"""verl: rewards with the signature of `custom_reward_function`."""

from collections.abc import Mapping
from typing import Any

from assay.core.errors import ConfigError
from assay.integrations.reward import Answer, Reward


def compute_score(reward: Reward, solution_str: str, extra_info: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what verl stores of a completion.

    Args:
        reward: of the data set.
        solution_str: the completion.
        extra_info: of the row.

    Returns:
        {score: the reward, 0 where the verifier failed; acc: whether it is correct; pred: the answer that was read;
        outcome: correct, wrong, unparsable or verifier_error}. verl does not say whether the completion was cut.

    Raises:
        ConfigError: the row was not exported by this package.
    """
    if not extra_info:
        raise ConfigError("the row has no extra_info: it was not exported by `curate export --to verl`")
    verdict = reward.judge([Answer(extra_info, solution_str)])[0]
    failed = verdict.outcome == "verifier_error"
    return {
        "score": 0.0 if failed else float(verdict.reward),
        "acc": verdict.outcome == "correct",
        "pred": verdict.extracted,
        "outcome": verdict.outcome,
    }
