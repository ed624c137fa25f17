"""Rows and environment for NeMo RL; with its own code where that imports (`make test-trainers`)."""

import json
from pathlib import Path
from typing import Any

import pytest

from assay.core.export_rows import ExportRow
from assay.engines.models.registry import find_checkpoint
from assay.exports.nemo_rl import NemoRl
from assay.integrations.nemo_rl import build_datum


class Tokenizer:
    """The two calls that are made of a tokenizer."""

    def apply_chat_template(self, turns: list[dict[str, str]], **_: Any) -> str:
        return "".join(f"<{turn['role']}>{turn['content']}" for turn in turns) + "<assistant>"

    def __call__(self, text: str, **_: Any) -> dict[str, list[list[int]]]:
        return {"input_ids": [list(range(len(text)))]}


def test_the_prompt_is_the_chat_that_the_policy_was_asked_and_the_gold_stays_out_of_it(chosen: ExportRow) -> None:
    (row,) = NemoRl().rows([chosen])
    assert row["messages"][-1] == {"role": "assistant", "content": "4"}
    datum = build_datum({**row, "task_name": "sums"}, Tokenizer(), 1000, 3)
    assert datum["message_log"][0]["content"].endswith("<user>2 + 2? Think.<assistant>")
    assert (datum["loss_multiplier"], datum["idx"], datum["task_name"]) == (1.0, 3, "sums")
    assert datum["extra_env_info"]["record"]["assay_id"] == "id"


def test_a_prompt_above_the_limit_counts_for_no_loss(chosen: ExportRow) -> None:
    datum = build_datum({**NemoRl().rows([chosen])[0], "task_name": "sums"}, Tokenizer(), 10, 0)
    assert (datum["loss_multiplier"], len(datum["message_log"][0]["token_ids"])) == (0.0, 4)


def test_nemo_rl_s_own_code_reads_registers_and_scores(chosen: ExportRow, tmp_path: Path) -> None:
    datasets = pytest.importorskip("nemo_rl.data.datasets.response_datasets")
    from nemo_rl.data.processors import PROCESSOR_REGISTRY
    from nemo_rl.environments.interfaces import EnvironmentReturn
    from nemo_rl.environments.utils import ENV_REGISTRY
    from transformers import AutoTokenizer

    from assay.exports._reward_file import load_function

    part = NemoRl()
    (tmp_path / "train.jsonl").write_text(json.dumps(part.rows([chosen])[0]) + "\n")
    for name, text in part.files("sums").items():
        (tmp_path / name).write_text(text)
    (tmp_path / "reward.json").write_text(json.dumps({"grade": {}, "versions": {}}))
    load_function(tmp_path / "run_grpo.py", "register")()
    assert ENV_REGISTRY["assay"]["actor_class_fqn"] == "reward.AssayEnvironment"
    data = datasets.load_response_dataset(
        {"dataset_name": "ResponseDataset", "data_path": str(tmp_path / "train.jsonl"), "processor": "assay"}
    )
    tokenizer = AutoTokenizer.from_pretrained(find_checkpoint("tiny-arithmetic"))
    datum = PROCESSOR_REGISTRY["assay"](data.dataset[0], data.task_spec, tokenizer, 512, 0)
    environment = load_function(tmp_path / "reward.py", "Environment")()
    logs = [[*datum["message_log"], {"role": "assistant", "content": text}] for text in ("4", "5")]
    result = environment.step(logs, [datum["extra_env_info"]] * 2, return_extracted_answer=True)
    environment.shutdown()
    assert isinstance(result, EnvironmentReturn)
    assert (result.rewards.tolist(), result.answers) == ([1.0, 0.0], ["4", "5"])
