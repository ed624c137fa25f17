"""NeMo RL: how an exported row becomes a prompt, and the rewards of finished message logs."""

from collections.abc import Mapping, Sequence
from typing import Any

from assay.integrations.reward import Answer, Reward


def build_datum(row: Mapping[str, Any], tokenizer: Any, max_seq_length: int, idx: int) -> dict[str, Any]:
    """Return the DatumSpec of an exported row: its prompt as the policy saw it, with system and few-shot turns.

    Args:
        row: with `messages`, the last of which is the gold answer, `record` and `task_name`.
        tokenizer: of the policy.
        max_seq_length: a longer prompt is cut short and counts for no loss, as NeMo RL's own processors have it.
        idx: of the row.
    """
    turns = [{"role": turn["role"], "content": turn["content"]} for turn in row["messages"][:-1]]
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    ids = tokenizer(text, return_tensors="pt", add_special_tokens=False)["input_ids"][0]
    fits = len(ids) < max_seq_length
    return {
        "message_log": [{"role": "user", "content": text, "token_ids": ids if fits else ids[: min(4, max_seq_length)]}],
        "length": len(ids),
        "extra_env_info": {"record": row["record"], "ground_truth": row["messages"][-1]["content"]},
        "loss_multiplier": 1.0 if fits else 0.0,
        "idx": idx,
        "task_name": row["task_name"],
    }


def score_logs(
    reward: Reward, logs: Sequence[Sequence[Mapping[str, Any]]], metadata: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return {reward, outcome, answer} per message log; the reward is 0 where the verifier failed.

    Args:
        reward: of the data set.
        logs: the turns of each rollout, of which the policy's are joined.
        metadata: `extra_env_info` of each.
    """
    texts = ["".join(str(turn["content"]) for turn in log if turn["role"] == "assistant") for log in logs]
    verdicts = reward.judge([Answer(entry["record"], text) for entry, text in zip(metadata, texts, strict=True)])
    return [
        {
            "reward": 0.0 if verdict.outcome == "verifier_error" else float(verdict.reward),
            "outcome": verdict.outcome,
            "answer": verdict.extracted,
        }
        for verdict in verdicts
    ]
