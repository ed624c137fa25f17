from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assay.core.training_rows import TargetRow
from assay.exports.training_sets.sft import Sft

ANSWER = {"role": "assistant", "content": "It is 4."}


def test_the_answer_is_the_completion(target: TargetRow) -> None:
    (row,) = Sft().rows([target])
    assert row["prompt"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2 + 2?"}]
    assert row["completion"] == [ANSWER]
    assert (row["assay_id"], row["target_id"], row["method"], row["weight"]) == ("p", "t", "dart", 0.5)


def test_the_answer_is_the_last_message(target: TargetRow) -> None:
    (row,) = Sft(form="messages").rows([target])
    assert [turn["role"] for turn in row["messages"]] == ["system", "user", "assistant"]
    assert row["messages"][-1] == ANSWER
    assert "assistant_only_loss=True" in Sft(form="messages").snippet("train.parquet")


def test_verl_reads_messages_and_extra_info(target: TargetRow) -> None:
    (row,) = Sft(form="verl").rows([target])
    assert row.keys() == {"messages", "extra_info"}
    assert (row["messages"][-1], row["extra_info"]["assay_id"]) == (ANSWER, "p")
    assert "data.train_files=x.parquet data.messages_key=messages" in Sft(form="verl").snippet("x.parquet")


def test_a_target_with_a_masked_part_is_left_out(target: TargetRow) -> None:
    assert Sft().left_out(target) == ""
    assert "masked" in Sft().left_out(replace(target, masked=((0, 2),)))


@pytest.mark.model
@pytest.mark.parametrize("form", ["prompt_completion", "messages"])
def test_trl_reads_both_forms_and_learns_the_answer(target: TargetRow, form: Any, tmp_path: Path) -> None:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    from assay.engines.models.registry import find_checkpoint

    rows = Sft(form=form).rows([replace(target, prompt=target.prompt[1:], prefix="")])
    args = SFTConfig(output_dir=str(tmp_path), report_to="none", max_length=None, bf16=False, max_steps=1)
    trainer = SFTTrainer(str(find_checkpoint("tiny-arithmetic")), args, train_dataset=Dataset.from_list(rows))
    (row,) = trainer.train_dataset
    text = trainer.processing_class.decode(row["input_ids"])
    assert text.startswith("<user>2 + 2?<assistant>is 4.")
    learnt = trainer.processing_class.decode([label for label in row["labels"] if label != -100])
    assert learnt.startswith("is 4." if form == "prompt_completion" else "<user>")
