from dataclasses import replace
from pathlib import Path

import pytest

from assay.core.training_rows import PairRow
from assay.exports.training_sets.dpo import Dpo


def test_both_answers_hold_the_begun_one(pair: PairRow) -> None:
    (row,) = Dpo().rows([pair])
    assert row["chosen"] == [{"role": "assistant", "content": "It is 4"}]
    assert row["rejected"] == [{"role": "assistant", "content": "It is 5"}]
    assert (row["margin"], row["pair_id"], row["rule"]) == (0.75, "q", "sibling")
    assert Dpo().rows([replace(pair, margin=None)])[0]["margin"] is None


def test_a_pair_that_prefers_neither_is_left_out(pair: PairRow) -> None:
    assert Dpo().left_out(pair) == ""
    assert "0.5 or less" in Dpo().left_out(replace(pair, soft_label=0.5))


@pytest.mark.model
def test_trl_trains_a_step_on_it(pair: PairRow, tmp_path: Path) -> None:
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    from assay.engines.models.registry import find_checkpoint

    rows = Dpo().rows([replace(pair, prompt=pair.prompt[1:], prefix="")])
    args = DPOConfig(output_dir=str(tmp_path), report_to="none", max_length=None, bf16=False, max_steps=1)
    trainer = DPOTrainer(str(find_checkpoint("tiny-arithmetic")), args=args, train_dataset=Dataset.from_list(rows))
    trainer.train()
    assert trainer.state.log_history[-1]["train_loss"] == pytest.approx(0.6931, abs=1e-3)
