"""The losses of SFT, DPO and KTO on a random model: TRL's own on the same tokens, times weights, with soft labels."""

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assay.core.errors import ConfigError
from assay.core.export_rows import ChatTurn
from assay.core.training_rows import PairRow, TargetRow
from assay.exports.training_sets.kto import Kto
from assay.training.offline.encode import NO_LOSS, RowEncoder

PROMPT = (ChatTurn(role="user", content="1+1=?"),)
PAIR = PairRow("q", "p", PROMPT, "2", "3?")


def target(text: str, weight: float = 1.0) -> TargetRow:
    return TargetRow(text, "p", PROMPT, text, weight=weight)


def first_losses(checkpoint: Path, rows: list[TargetRow]) -> list[tuple[float, int]]:
    """Return the sum of -log p over each row's answer under the weights of a checkpoint, and its tokens."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    encoder = RowEncoder(AutoTokenizer.from_pretrained(checkpoint), {})
    found = []
    for row in rows:
        encoded = encoder.target(row)
        with torch.no_grad():
            logps = model(torch.tensor([encoded["input_ids"]])).logits.log_softmax(-1)[0]
        places = [place for place, label in enumerate(encoded["labels"]) if label != NO_LOSS]
        found.append((-sum(logps[place - 1, encoded["labels"][place]].item() for place in places), len(places)))
    return found


def test_the_loss_is_the_mean_over_the_trained_tokens_of_a_step(stored: SimpleNamespace) -> None:
    rows = [target("2"), target("it is two.")]
    stored.sft(rows, steps=1)
    sums = first_losses(stored.tiny, rows)
    expected = sum(total for total, _ in sums) / sum(count for _, count in sums)
    assert stored.sink.logs[0][1]["loss"] == pytest.approx(expected, abs=1e-4)
    assert stored.sink.logs[0][1]["tokens"] == sum(count for _, count in sums) == 2 + 11


def test_a_weight_multiplies_the_loss_of_its_row_and_not_the_divisor(stored: SimpleNamespace) -> None:
    rows = [target("2", 3.0), target("it is two.", 0.5)]
    stored.sft(rows, steps=1)
    (first, _), (second, _) = first_losses(stored.tiny, rows)
    assert stored.sink.logs[0][1]["loss"] == pytest.approx((3.0 * first + 0.5 * second) / 13, abs=1e-4)


def test_sft_makes_the_weights_of_trl_s_own_trainer(stored: SimpleNamespace, tmp_path: Path) -> None:
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    rows = [target("2"), target("it is two."), target("two"), target("1+1")]
    ours = stored.sft(rows, steps=2, shuffle=False)
    encoder = RowEncoder(AutoTokenizer.from_pretrained(stored.tiny), {})
    encoded = [{name: encoder.target(row)[name] for name in ("input_ids", "labels")} for row in rows]
    settings: dict[str, Any] = {"per_device_train_batch_size": 2, "max_steps": 2, "learning_rate": 1e-2, "seed": 0}
    settings |= {"lr_scheduler_type": "constant", "gradient_checkpointing": False, "bf16": False}
    settings |= {"report_to": "none", "save_strategy": "no", "train_sampling_strategy": "sequential"}
    theirs = SFTTrainer(
        model=str(stored.tiny),
        args=SFTConfig(output_dir=str(tmp_path / "trl"), **settings),
        train_dataset=Dataset.from_list(encoded),
    )
    theirs.train()
    saved = dict(AutoModelForCausalLM.from_pretrained(ours.checkpoint).state_dict())
    expected = theirs.model.state_dict()
    assert all(saved[name].equal(expected[name]) for name in saved)


def test_dft_weighs_each_token_by_its_probability(stored: SimpleNamespace) -> None:
    stored.sft([target("2"), target("3")], steps=1, loss="dft")
    dft = stored.sink.logs[0][1]["loss"]
    stored.sft([target("2"), target("3")], steps=1)
    assert 0 < dft < stored.sink.logs[-1][1]["loss"]


def test_dpo_begins_at_log_two_and_its_margin_rises(stored: SimpleNamespace) -> None:
    stored.dpo(steps=12)
    first, last = stored.sink.logs[0][1], stored.sink.logs[-1][1]
    assert first["loss"] == pytest.approx(math.log(2), abs=1e-5)
    assert first["reward_margin"] == pytest.approx(0, abs=1e-5)
    assert last["reward_margin"] > 0.1
    assert last["reward_accuracy"] == 1


@pytest.mark.parametrize("probability", [1.0, 0.9, 0.6])
def test_a_soft_label_gives_the_loss_of_cdpo(stored: SimpleNamespace, probability: float) -> None:
    stored.dpo([replace(PAIR, soft_label=probability)], rows_per_step=1, steps=5)
    margins = [values["reward_margin"] for _, values in stored.sink.logs]
    assert margins[-1] > 0.05
    for (_, values), margin in zip(stored.sink.logs, margins, strict=True):
        sigmoid = 1 / (1 + math.exp(-margin))
        expected = -probability * math.log(sigmoid) - (1 - probability) * math.log(1 - sigmoid)
        assert values["loss"] == pytest.approx(expected, abs=1e-4)


def judged(*texts: str) -> list[TargetRow]:
    """Answers of which those that end with a question mark are to be avoided."""
    return [replace(target(text), id=text, desirable=not text.endswith("?")) for text in texts]


def test_kto_begins_at_half_the_weights_and_tells_both_sides_apart(stored: SimpleNamespace) -> None:
    rows = judged("2", "3?", "it is two.", "4?")
    stored.kto(rows, rows_per_step=4, steps=8, desirable_weight=1.0, undesirable_weight=3.0)
    first, last = stored.sink.logs[0][1], stored.sink.logs[-1][1]
    assert first["loss"] == pytest.approx((2 * 1.0 + 2 * 3.0) / 4 / 2, abs=1e-5)  # 1 - s(0) of each answer
    assert (first["kl"], first["reward_margin"]) == pytest.approx((0, 0), abs=1e-5)
    assert last["reward_chosen"] > 0.05 > -0.05 > last["reward_rejected"]
    assert last["loss"] < first["loss"]


def test_kto_makes_the_weights_of_trl_s_own_trainer_on_the_exported_rows(
    stored: SimpleNamespace, tmp_path: Path
) -> None:
    from datasets import Dataset
    from transformers import AutoModelForCausalLM
    from trl import KTOConfig, KTOTrainer

    rows = judged("2", "3?", "it is two.", "4?", "two", "one?", "it is one?", "1+1")
    ours = stored.kto(rows, rows_per_step=4, steps=2, shuffle=False)
    settings: dict[str, Any] = {"per_device_train_batch_size": 4, "max_steps": 2, "learning_rate": 1e-2, "seed": 0}
    settings |= {"lr_scheduler_type": "constant", "gradient_checkpointing": False, "bf16": False}
    settings |= {"report_to": "none", "save_strategy": "no", "max_length": None}
    exported = [{name: row[name] for name in ("prompt", "completion", "label")} for row in Kto().rows(rows)]
    theirs = KTOTrainer(
        model=str(stored.tiny),
        args=KTOConfig(output_dir=str(tmp_path / "trl"), **settings),
        train_dataset=Dataset.from_list(exported),
    )
    theirs.train()
    saved = dict(AutoModelForCausalLM.from_pretrained(ours.checkpoint).state_dict())
    expected = theirs.model.state_dict()
    assert all(saved[name].equal(expected[name]) for name in saved)


def test_what_kto_cannot_learn_from_is_refused(stored: SimpleNamespace) -> None:
    for rows, changes, message in (
        (judged("2", "two"), {}, "all 2 targets are desirable, and KTO needs both"),
        (judged("3?"), {}, "all 1 targets are answers to avoid, and KTO needs both"),
        ([replace(target("2"), masked=((0, 1),)), *judged("3?")], {}, "1 of 2 targets mask a part of their answer"),
        (judged("2", "3?"), {"micro_batch_size": 1}, "loss 'kto' compares the rows of a forward pass"),
    ):
        with pytest.raises(ConfigError, match=message):
            stored.kto(rows, **changes)
    stored.kto(judged("2", "3?"), micro_batch_size=1, loss="apo_zero_unpaired", steps=1)


def test_pairs_that_prefer_nothing_and_weights_that_are_none_are_refused(stored: SimpleNamespace) -> None:
    for row, changes, message in (
        (replace(PAIR, rejected="2"), {}, "1 of 1 pairs prefer an answer to itself, first q"),
        (replace(PAIR, soft_label=0.5), {}, r"1 of 1 pairs have a soft label outside \(0.5, 1\]"),
        (replace(PAIR, soft_label=0.9), {"loss": "ipo"}, "loss 'ipo' cannot use soft labels"),
    ):
        with pytest.raises(ConfigError, match=message):
            stored.dpo([row], **changes)
    with pytest.raises(ConfigError, match="1 of 2 targets have a weight below 0, first 3"):
        stored.sft([target("2"), target("3", -1.0)])
    with pytest.raises(ConfigError, match="all 1 targets have weight 0"):
        stored.sft([target("2", 0.0)])
