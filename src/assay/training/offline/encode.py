"""Turn stored rows into token ids: the prompt exactly as the policy is asked, the answer, and the token that ends it.

The prompt is rendered by the policy's own chat template with its generation prompt, as in sampling, and the answer is
encoded behind it. TRL renders prompt and answer as one chat instead, which in some templates is another text than the
policy ever sees (an empty block of thoughts, a stripped blank).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assay.core.errors import ConfigError
from assay.core.training_rows import Encoded, PairRow, TargetRow

NO_LOSS = -100  # of a label: TRL's and torch's own


@dataclass(frozen=True)
class RowEncoder:
    """Encodes rows with one tokenizer.

    Args:
        tokenizer: Of the policy; has a chat template.
        template_arguments: Variables of the chat template.
    """

    tokenizer: Any
    template_arguments: Mapping[str, Any]

    def target(self, row: TargetRow) -> Encoded:
        """Return `input_ids`, `labels` (no loss on prompt, begun answer and masked spans) and `weight`."""
        context = self._context(row)
        ids, labels = self._answer(row)
        return {
            "input_ids": [*context, *ids],
            "labels": [NO_LOSS] * len(context) + labels,
            "weight": row.weight,
        }

    def pair(self, row: PairRow) -> Encoded:
        """Return `prompt_ids`, `chosen_ids`, `rejected_ids` and `soft_label`."""
        return {
            "prompt_ids": self._context(row),
            "chosen_ids": [*self._encode(row.chosen), self.tokenizer.eos_token_id],
            "rejected_ids": [*self._encode(row.rejected), self.tokenizer.eos_token_id],
            "soft_label": row.soft_label,
        }

    def judged(self, row: TargetRow) -> Encoded:
        """Return `prompt_ids`, `completion_ids` and `label`: True = desirable."""
        return {
            "prompt_ids": self._context(row),
            "completion_ids": [*self._encode(row.completion), self.tokenizer.eos_token_id],
            "label": row.desirable,
        }

    def _context(self, row: TargetRow | PairRow) -> list[int]:
        prompt = self.tokenizer.apply_chat_template(
            [dict(turn) for turn in row.prompt],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            **self.template_arguments,
        )["input_ids"]
        return [*prompt, *self._encode(row.prefix)]

    def _encode(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text, add_special_tokens=False)) if text else []

    def _answer(self, row: TargetRow) -> tuple[list[int], list[int]]:
        """Return the ids of the answer with its end, and their labels."""
        end = self.tokenizer.eos_token_id
        if not row.masked:
            ids = [*self._encode(row.completion), end]
            return ids, list(ids)
        if not self.tokenizer.is_fast:
            raise ConfigError(
                f"target {row.id} masks a part of its answer, which needs a fast tokenizer (tokenizer.json)"
            )
        encoding = self.tokenizer(row.completion, add_special_tokens=False, return_offsets_mapping=True)
        labels = [
            NO_LOSS if any(begin < last and first < end_ for begin, end_ in row.masked) else token
            for token, (first, last) in zip(encoding["input_ids"], encoding["offset_mapping"], strict=True)
        ]
        return [*encoding["input_ids"], end], [*labels, end]


def encoded_length(row: Encoded) -> int:
    """Return the tokens of the longest sequence of a row."""
    if "input_ids" in row:
        return len(row["input_ids"])
    if "completion_ids" in row:
        return len(row["prompt_ids"]) + len(row["completion_ids"])
    return len(row["prompt_ids"]) + max(len(row["chosen_ids"]), len(row["rejected_ids"]))


def trained_tokens(row: Encoded) -> int:
    """Return the tokens of a row that carry loss."""
    if "labels" in row:
        return sum(label != NO_LOSS for label in row["labels"])
    if "completion_ids" in row:
        return len(row["completion_ids"])
    return len(row["chosen_ids"]) + len(row["rejected_ids"])


def choose_fitting_rows(
    rows: Sequence[Encoded], ids: Sequence[str], *, window: int | None, warn: Callable[[str], None]
) -> list[Encoded]:
    """Return the rows that fit the window and carry loss; how many do not is told.

    Args:
        rows: Encoded.
        ids: Of the rows.
        window: Most tokens of a sequence; None = no limit.
        warn: Receives one line about those left out.

    Raises:
        ConfigError: none is left.
    """
    fitting_rows = [row for row in rows if window is None or encoded_length(row) <= window]
    if len(fitting_rows) < len(rows):
        length, longest = max(zip(map(encoded_length, rows), ids, strict=True))
        finding = (
            f"{len(rows) - len(fitting_rows)} of {len(rows)} rows exceed the window of {window} tokens and are left out"
        )
        warn(f"{finding}; the longest, {longest}, has {length}")
    learnt = [row for row in fitting_rows if trained_tokens(row)]
    if len(learnt) < len(fitting_rows):
        warn(
            f"{len(fitting_rows) - len(learnt)} of {len(rows)} rows carry no loss, since all of their answer is masked"
        )
    if not learnt:
        raise ConfigError(f"none of {len(rows)} rows fits the window of {window} tokens")
    return learnt
