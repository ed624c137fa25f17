from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import ConfigError
from assay.core.export_rows import ChatTurn
from assay.core.training_rows import PairRow, TargetRow
from assay.training.offline.encode import NO_LOSS, RowEncoder, choose_fitting_rows, trained_tokens

PROMPT = (ChatTurn(role="user", content="1+1=?"),)


@pytest.fixture
def tokenizer(tiny: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny)


@pytest.fixture
def encoder(tokenizer: Any) -> RowEncoder:
    return RowEncoder(tokenizer, {})


def learnt(tokenizer: Any, row: dict[str, Any]) -> str:
    return str(tokenizer.decode([label for label in row["labels"] if label != NO_LOSS]))


def test_the_loss_is_on_the_answer_and_its_end_alone(encoder: RowEncoder, tokenizer: Any) -> None:
    row = encoder.target(TargetRow("t", "p", PROMPT, "2."))
    assert tokenizer.decode(row["input_ids"]) == "<s>user: 1+1=?</s>assistant: 2.</s>"
    assert learnt(tokenizer, row) == "2.</s>"
    assert trained_tokens(row) == 3


def test_a_begun_answer_is_read_and_not_learnt(encoder: RowEncoder, tokenizer: Any) -> None:
    row = encoder.target(TargetRow("t", "p", PROMPT, "2.", prefix="it is "))
    assert tokenizer.decode(row["input_ids"]).endswith("assistant: it is 2.</s>")
    assert learnt(tokenizer, row) == "2.</s>"


def test_masked_characters_carry_no_loss(encoder: RowEncoder, tokenizer: Any) -> None:
    row = encoder.target(TargetRow("t", "p", PROMPT, "no. it is 2.", masked=((0, 4), (7, 10))))
    assert tokenizer.decode(row["input_ids"]).endswith("no. it is 2.</s>")
    assert learnt(tokenizer, row) == "it 2.</s>"


def test_a_pair_shares_its_prompt_and_begun_answer(encoder: RowEncoder, tokenizer: Any) -> None:
    row = encoder.pair(PairRow("q", "p", PROMPT, "2", "3?", prefix="it is ", soft_label=0.8))
    texts = [tokenizer.decode(row[name]) for name in ("prompt_ids", "chosen_ids", "rejected_ids")]
    assert texts == ["<s>user: 1+1=?</s>assistant: it is ", "2</s>", "3?</s>"]
    assert (row["soft_label"], trained_tokens(row)) == (0.8, 5)


def test_the_prompt_is_the_one_of_sampling(encoder: RowEncoder, tokenizer: Any) -> None:
    asked = tokenizer.apply_chat_template([dict(turn) for turn in PROMPT], add_generation_prompt=True, tokenize=True)
    row = encoder.pair(PairRow("q", "p", PROMPT, "2", "3"))
    assert row["prompt_ids"] == list(asked["input_ids"])


def test_rows_beyond_the_window_are_left_out_and_told(encoder: RowEncoder) -> None:
    rows = [encoder.target(TargetRow("t", "p", PROMPT, text)) for text in ("2", "2" * 50, "22")]
    warnings: list[str] = []
    assert choose_fitting_rows(rows, ["a", "b", "c"], window=40, warn=warnings.append) == [rows[0], rows[2]]
    length = len(rows[1]["input_ids"])
    assert warnings == [f"1 of 3 rows exceed the window of 40 tokens and are left out; the longest, b, has {length}"]
    with pytest.raises(ConfigError, match="none of 3 rows fits the window of 5 tokens"):
        choose_fitting_rows(rows, ["a", "b", "c"], window=5, warn=warnings.append)
    assert choose_fitting_rows(rows, ["a", "b", "c"], window=None, warn=warnings.append) == rows


def test_rows_without_loss_are_left_out_and_told(encoder: RowEncoder) -> None:
    row = encoder.target(TargetRow("t", "p", PROMPT, "2"))
    mute = {**row, "labels": [NO_LOSS] * len(row["labels"])}
    warnings: list[str] = []
    assert choose_fitting_rows([mute, row], ["a", "b"], window=None, warn=warnings.append) == [row]
    assert warnings == ["1 of 2 rows carry no loss, since all of their answer is masked"]
