"""Traces of the verifiers library, NeMo Gym's rollouts and profiles, TRL's log of completions, and published pass rates."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.core.errors import ConfigError, EvidenceError
from assay.core.types import Label, Problem
from assay.pipelines.data.problems import to_row
from assay.pipelines.stages.import_rollouts import import_rollouts
from assay.pipelines.stages.import_scores import import_scores
from assay.stores.lake import Lake

SUM = Problem.of("What is 2 + 2?", source="sums")


@pytest.fixture
def lake(tmp_path: Path) -> Any:
    label = Label.of(SUM.id, "4", verifier="math")
    row = {name: getattr(label, name) for name in Label.__slots__}
    with Lake(tmp_path / "lake") as opened:
        opened.append({"problems": [to_row(SUM)], "labels": [row]})
        yield opened


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def trace(text: str, reward: float | None, *, finish: str = "stop", errors: tuple[str, ...] = (), **data: Any) -> Any:
    """One trace as verifiers 0.4 writes it, without what an import does not read."""
    turns = [("system", "Be brief."), ("user", "What is 2 + 2?"), ("assistant", text)]
    return {
        "version": 1,
        "task": {"key": "k", "data": data},
        "nodes": [
            {"parent": n - 1, "message": {"role": role, "content": text}} for n, (role, text) in enumerate(turns)
        ],
        "calls": [{"node": 2, "model": "qwen", "finish_reason": finish, "usage": {"completion_tokens": 7}}],
        "rewards": {"correct": None if reward is None else {"score": reward, "weight": 2.0}, "format": None},
        "errors": [{"type": error, "message": ""} for error in errors],
    }


def test_traces_of_episodes_come_home_by_prompt_or_by_id_with_policy_and_tokens(lake: Lake, tmp_path: Path) -> None:
    episodes = [
        {"task": {"key": "k"}, "traces": [trace("4", 0.5), trace("5", 0.0)]},
        {"task": {"key": "k"}, "traces": [trace("so 4 and", 0.0, finish="length", record={"assay_id": SUM.id})]},
    ]
    done = import_rollouts(lake, "verifiers", write(tmp_path / "traces.jsonl", episodes), policy="unnamed")
    assert (done.rows, done.added, dict(done.dropped)) == (3, 3, {})
    rows = lake.rows(
        "SELECT r.policy, r.tokens, r.finish, v.reward, v.outcome FROM rollouts r JOIN verdicts v ON v.rollout_id = r.id "
        "ORDER BY v.reward DESC, r.finish"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("qwen", 7, "stop", 1.0, "correct"),
        ("qwen", 7, "length", 0.0, "truncated"),
        ("qwen", 7, "stop", 0.0, "wrong"),
    ]


def test_a_trace_that_ended_in_an_error_has_no_reward(lake: Lake, tmp_path: Path) -> None:
    rows = [trace("4", 1.0), trace("4", 0.0, errors=("TaskError",))]
    done = import_rollouts(lake, "verifiers", write(tmp_path / "traces.jsonl", rows), policy="p")
    assert (done.rows, done.usable, done.unrated) == (2, 2, 1)


def response(text: str, reward: float, *, cut: bool = False) -> dict[str, Any]:
    """One rollout as NeMo Gym writes it: a reasoning item and a message."""
    items = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]},
    ]
    details = {"reason": "max_output_tokens"} if cut else None
    return {
        "responses_create_params": {"input": [{"role": "user", "content": "What is 2 + 2?", "type": "message"}]},
        "response": {"model": "qwen", "output": items, "usage": {"output_tokens": 9}, "incomplete_details": details},
        "reward": reward,
        "expected_answer": "4",
    }


def test_nemo_gym_s_rollouts_come_home_without_their_reasoning(lake: Lake, tmp_path: Path) -> None:
    rows = [response("4", 1.0), response("5", 0.0), response("so", 0.0, cut=True)]
    done = import_rollouts(lake, "nemo_gym", write(tmp_path / "rollouts.jsonl", rows), policy="p")
    assert (done.added, dict(done.dropped)) == (3, {})
    assert lake.rows("SELECT count(*) AS n FROM rollouts WHERE finish = 'length' AND tokens = 9")[0]["n"] == 1
    assert {row["text"] for row in lake.rows("SELECT text FROM completions")} == {"4", "5", "so"}


def test_nemo_gym_s_profile_is_a_pass_rate_of_the_task_in_its_sample(lake: Lake, tmp_path: Path) -> None:
    sample = {name: response("", 0.0)[name] for name in ("responses_create_params", "expected_answer")}
    path = write(tmp_path / "profile.jsonl", [{"mean/reward": 0.25, "std/reward": 0.4, "sample": sample}])
    assert import_scores(lake, path, "mean/reward", model="qwen").added == 1
    assert lake.rows("SELECT value, direction FROM scores") == [{"value": 0.25, "direction": "easier"}]


def test_trl_s_log_of_completions_sums_the_rewards_by_function(lake: Lake, tmp_path: Path) -> None:
    rows = [
        {
            "step": 3,
            "prompt": [{"role": "user", "content": "What is 2 + 2?"}],
            "completion": [{"role": "assistant", "content": text}],
            "assay_reward": reward,
            "advantage": reward - 0.5,
        }
        for text, reward in (("4", 1.0), ("5", 0.0))
    ]
    (tmp_path / "completions").mkdir()
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "completions" / "completions_00003.parquet")
    assert import_rollouts(lake, "trl", tmp_path / "completions", policy="p").added == 2
    assert lake.rows("SELECT reward FROM verdicts ORDER BY reward DESC") == [{"reward": 1.0}, {"reward": 0.0}]
    assert lake.rows("SELECT DISTINCT step FROM rollouts") == [{"step": 3}]


@pytest.mark.parametrize(
    ("column", "model", "row", "direction", "scale", "value"),
    [
        ("Qwen/Qwen3-4B_avg_reward", "q", {"Qwen/Qwen3-4B_avg_reward": 0.75}, "", 0.0, 0.75),
        ("avg@8_qwen3_4b_instruct_2507", "q", {"avg@8_qwen3_4b_instruct_2507": 0.5}, "", 0.0, 0.5),
        ("solve_rate_qwen_r1_distill_7b", "q", {"solve_rate_qwen_r1_distill_7b": 0.1}, "", 0.0, 0.1),
        ("difficulty", "q", {"difficulty": 6.5}, "", 0.0, 0.65),
        (
            "extra_info.model_difficulty",
            "R1-Qwen-1.5B",
            {"extra_info": {"model_difficulty": {"R1-Qwen-1.5B": 12, "R1-Qwen-7B": 2}}},
            "harder",
            16.0,
            0.75,
        ),
    ],
)
def test_published_columns_are_known_by_name_form_or_model(
    lake: Lake, tmp_path: Path, column: str, model: str, row: dict[str, Any], direction: str, scale: float, value: float
) -> None:
    path = write(tmp_path / "data.jsonl", [{"problem": "What is 2 + 2?", **row}])
    import_scores(lake, path, column, model=model, direction=direction, scale=scale)
    assert lake.rows("SELECT value, policy FROM scores") == [{"value": value, "policy": model}]


def test_a_column_per_model_needs_its_direction_said(lake: Lake, tmp_path: Path) -> None:
    row = {"problem": "What is 2 + 2?", "extra_info": {"model_difficulty": {"m": 1}}}
    with pytest.raises(ConfigError, match="set --direction to easier or harder"):
        import_scores(lake, write(tmp_path / "data.jsonl", [row]), "extra_info.model_difficulty", model="m")


def test_nothing_that_matches_is_an_error_with_the_columns_that_were_seen(lake: Lake, tmp_path: Path) -> None:
    strange = trace("4", 1.0)
    strange["nodes"][1]["message"]["content"] = "Another question?"
    with pytest.raises(EvidenceError, match="completion"):
        import_rollouts(lake, "verifiers", write(tmp_path / "traces.jsonl", [strange]), policy="p")


@pytest.fixture
def tokenizer(tmp_path: Path) -> Any:
    """A tokenizer of letters in a folder, and its file."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    words = ["<unk>", "<|user|>", "<|assistant|>", "<eos>", *sorted(set("What is 2 + 2?\n4so5 and"))]
    letters = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="<unk>"))
    letters.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    letters.decoder = decoders.Fuse()
    letters.add_special_tokens(["<|user|>", "<|assistant|>", "<eos>"])
    (tmp_path / "model").mkdir()
    letters.save(str(tmp_path / "model" / "tokenizer.json"))
    return letters


def open_instruct_rows(tokenizer: Any) -> tuple[list[int], list[tuple[list[int], float, str]]]:
    prompt = tokenizer.encode("<|user|>What is 2 + 2?<|assistant|>").ids
    answers = [("4<eos>", 10.0, "stop"), ("5<eos>", 0.0, "stop"), ("so 4 and", 0.0, "length")]
    return prompt, [(tokenizer.encode(text).ids, reward, finish) for text, reward, finish in answers]


STORED = (
    "SELECT t.text, r.tokens, r.finish, r.step, r.advantage, v.outcome FROM rollouts r JOIN verdicts v ON v.rollout_id = r.id "
    "JOIN completions t ON t.id = r.id ORDER BY v.reward DESC, r.finish DESC"
)
WANTED = [
    ("4", 2, "stop", 3, 1.0, "correct"),
    ("5", 2, "stop", 3, -0.5, "wrong"),
    ("so 4 and", 8, "length", 3, -0.5, "truncated"),
]


def test_open_instruct_s_rollout_log_comes_home_by_its_token_ids(lake: Lake, tokenizer: Any, tmp_path: Path) -> None:
    prompt, answers = open_instruct_rows(tokenizer)
    rows = [
        {
            "step": 3,
            "sample_idx": n,
            "prompt_idx": 0,
            "prompt_tokens": prompt,
            "response_tokens": ids,
            "reward": reward,
            "advantage": 1.0 if reward else -0.5,
            "finish_reason": finish,
            "dataset": "math",
            "ground_truth": "4",
            "request_info": None,
            "logprobs": None,
        }
        for n, (ids, reward, finish) in enumerate(answers)
    ]
    log = write(tmp_path / "run_rollouts_000000.jsonl", rows)
    done = import_rollouts(lake, "open_instruct", log, policy="p", right=1.0, tokenizer=str(tmp_path / "model"))
    assert (done.rows, done.added) == (3, 3)
    assert [tuple(row.values()) for row in lake.rows(STORED)] == WANTED
    assert import_rollouts(lake, "open_instruct", log, policy="p", tokenizer=str(tmp_path / "model")).added == 0


def test_open_instruct_s_traces_hold_a_step_in_a_line(lake: Lake, tokenizer: Any, tmp_path: Path) -> None:
    prompt, answers = open_instruct_rows(tokenizer)
    step = {
        "scores": [reward for _, reward, _ in answers],
        "advantages": [1.0, -0.5, -0.5],
        "finish_reasons": [finish for *_, finish in answers],
        "responses": [ids for ids, *_ in answers],
        "queries": [prompt] * 3,
        "ground_truths": ["4"] * 3,
        "datasets": ["math"] * 3,
        "training_step": 3,
        "objective/verifiable_reward": 3.3,
    }
    file = str(tmp_path / "model" / "tokenizer.json")
    import_rollouts(lake, "open_instruct", write(tmp_path / "traces_run.jsonl", [step]), policy="p", tokenizer=file)
    assert [tuple(row.values()) for row in lake.rows(STORED)] == WANTED


def test_token_ids_without_a_tokenizer_are_one_line(lake: Lake, tokenizer: Any, tmp_path: Path) -> None:
    prompt, answers = open_instruct_rows(tokenizer)
    row = {"prompt_tokens": prompt, "response_tokens": answers[0][0], "reward": 1.0, "finish_reason": "stop", "step": 1}
    log = write(tmp_path / "log.jsonl", [row])
    with pytest.raises(ConfigError, match="the rows hold token ids: name the folder"):
        import_rollouts(lake, "open_instruct", log, policy="p")
    with pytest.raises(ConfigError, match=r"no tokenizer\.json there"):
        import_rollouts(lake, "open_instruct", log, policy="p", tokenizer=str(tmp_path))


def test_what_filtering_vllm_writes_is_judged_by_the_labels(lake: Lake, tmp_path: Path) -> None:
    rows = [
        {
            "messages": [{"role": "user", "content": SUM.text}],
            "ground_truth": "4",
            "dataset": "math",
            "output": ["4", "5"],
        }
    ]
    done = import_rollouts(lake, "open_instruct", write(tmp_path / "o.jsonl", rows), policy="p", labels={})
    assert (done.added, lake.rows("SELECT count(*) AS n FROM verdicts")[0]["n"]) == (2, 0)
