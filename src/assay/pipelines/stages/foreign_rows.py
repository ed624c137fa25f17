"""Rows of tools that nest what an attempt is: traces of the verifiers library, NeMo Gym's rollouts and profiles, and
open-instruct's logs, which hold token ids.

They are recognised by their shape, whatever tool an import names.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

TRACE_KEYS = {"nodes", "task", "rewards"}
TOKEN_RECORD_KEYS = {"prompt_tokens", "response_tokens", "finish_reason"}  # open-instruct's `RolloutRecord`
TOKEN_BATCH_KEYS = {"queries", "responses", "finish_reasons"}  # one step in a line, as it wrote them before


def flatten_row(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the attempts of a row as flat rows: `prompt`, `completion`, `reward` and other columns; others as they are.

    An episode of the verifiers library holds several traces. A trace that ended in an error has no reward. NeMo Gym's
    profile of a task has no completion; its `sample` is the task's row. An attempt of open-instruct has `prompt_ids`
    and `completion_ids`.
    """
    if isinstance(row.get("traces"), list):
        for trace in row["traces"]:
            yield from flatten_row(trace)
    elif set(row) >= TRACE_KEYS:
        yield _flatten_trace(row)
    elif set(row) >= TOKEN_RECORD_KEYS:
        yield _flatten_record(row)
    elif set(row) >= TOKEN_BATCH_KEYS and isinstance(row["responses"], list):
        yield from _flatten_batch(row)
    elif isinstance(row.get("responses_create_params"), Mapping) and isinstance(row.get("response"), Mapping):
        yield _flatten_response(row)
    elif isinstance(row.get("sample"), Mapping) and "responses_create_params" in row["sample"]:
        yield {**row, **_describe_task(row["sample"])}
    else:
        yield dict(row)


def _flatten_trace(trace: Mapping[str, Any]) -> dict[str, Any]:
    nodes = trace["nodes"] or []
    turns = [node.get("message") or {} for node in nodes]
    answer_turn = next((n for n in reversed(range(len(turns))) if turns[n].get("role") == "assistant"), len(turns))
    call: Mapping[str, Any] = next(
        (call for call in reversed(trace.get("calls") or []) if call.get("node") == answer_turn), {}
    )
    rewards = [reward for reward in (trace.get("rewards") or {}).values() if reward]
    data = (trace.get("task") or {}).get("data") or {}
    record = data.get("record") if isinstance(data.get("record"), Mapping) else {}
    return {
        "assay_id": (record or {}).get("assay_id"),
        "task_key": (trace.get("task") or {}).get("key"),
        "prompt": [dict(turn) for turn in turns[:answer_turn]],
        "completion": turns[answer_turn].get("content") if answer_turn < len(turns) else None,
        "reward": sum(r["score"] * r.get("weight", 1.0) for r in rewards)
        if rewards and not trace.get("errors")
        else None,
        "finish": call.get("finish_reason"),
        "tokens": (call.get("usage") or {}).get("completion_tokens"),
        "policy": call.get("model"),
        "gold": data.get("answer", (record or {}).get("answer")),
        "correct_term": _correct_term(trace.get("rewards") or {}),
    }


def _flatten_record(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{name: value for name, value in record.items() if name not in ("prompt_tokens", "response_tokens")},
        "prompt_ids": record["prompt_tokens"],
        "completion_ids": record["response_tokens"],
        "tokens": len(record["response_tokens"]),
        "finish": "stop" if record["finish_reason"] == "stop" else "length",  # its own rule of what was cut
        "gold": record.get("ground_truth"),
    }


def _flatten_batch(batch: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    lists = {name: value for name, value in batch.items() if isinstance(value, list)}
    for place in range(len(batch["responses"])):
        own = {name: value[place] for name, value in lists.items() if len(value) == len(batch["responses"])}
        yield _flatten_record(
            {
                "prompt_tokens": own.get("queries"),
                "response_tokens": own["responses"],
                "finish_reason": own.get("finish_reasons"),
                "reward": own.get("scores"),
                "advantage": own.get("advantages"),
                "step": batch.get("training_step"),
                "dataset": own.get("datasets"),
                "ground_truth": own.get("ground_truths"),
            }
        )


def _correct_term(rewards: Mapping[str, Any]) -> float | None:
    """Return the one reward whose name speaks of correctness; None where no or more than one does."""
    scores = [
        reward["score"] for name, reward in rewards.items() if reward and ("correct" in name or "accuracy" in name)
    ]
    return scores[0] if len(scores) == 1 else None


def _flatten_response(row: Mapping[str, Any]) -> dict[str, Any]:
    response = row["response"]
    is_cut = (response.get("incomplete_details") or {}).get("reason") == "max_output_tokens"
    return {
        **row,
        **_describe_task(row),
        "completion": _response_text(response),
        "finish": "length" if is_cut else "stop",
        "tokens": (response.get("usage") or {}).get("output_tokens"),
        "policy": response.get("model"),
    }


def _describe_task(row: Mapping[str, Any]) -> dict[str, Any]:
    prompt_input = row["responses_create_params"].get("input")
    turns = [{"role": "user", "content": prompt_input}] if isinstance(prompt_input, str) else list(prompt_input or [])
    prompt = [
        {"role": turn.get("role"), "content": _content(turn.get("content"))} for turn in turns if turn.get("role")
    ]
    record = row.get("record") if isinstance(row.get("record"), Mapping) else {}
    return {"assay_id": (record or {}).get("assay_id"), "prompt": prompt}


def _response_text(response: Mapping[str, Any]) -> str | None:
    messages = [item for item in response.get("output") or [] if item.get("type") == "message"]
    return "".join(_content(message.get("content")) for message in messages) if messages else None


def _content(content: str | Sequence[Mapping[str, Any]] | None) -> str:
    if isinstance(content, str):
        return content
    return "".join(str(part.get("text", "")) for part in content or [])
