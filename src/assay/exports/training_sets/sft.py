"""`sft`: answers to imitate, for TRL's SFTTrainer (two forms) and for verl's SFT."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from assay.core.export_rows import ChatTurn, Row
from assay.core.training_rows import TargetRow, TrainingSetSummary
from assay.exports.training_sets._card import training_set_card


@dataclass(frozen=True)
class Sft:
    """One row per target; the answer is the last turn.

    TRL computes the loss on the completion of "prompt_completion" alone, and on all turns of "messages" unless
    `assistant_only_loss` is set.
    """

    table: ClassVar[str] = "targets"
    form: Literal["prompt_completion", "messages", "verl"] = "prompt_completion"

    def left_out(self, row: TargetRow) -> str:
        """Return why a target cannot be expressed; "" where it can."""
        if not row.desirable:
            return "an answer to avoid, which SFT would imitate: --to kto"
        return "a part of the answer is masked, which no column can say" if row.masked else ""

    def rows(self, rows: Sequence[TargetRow]) -> list[Row]:
        """Return one row per target, in the order of their problems."""
        return [{**self._chat(row), **self._origin(row)} for row in rows]

    def snippet(self, file: str) -> str:
        """Return the code with which the trainer reads the file."""
        if self.form == "verl":
            return (
                "torchrun --standalone --nproc_per_node=8 -m verl.trainer.sft_trainer \\\n"
                f"  data.train_files={file} data.messages_key=messages\n"
            )
        assistant_only = ", assistant_only_loss=True" if self.form == "messages" else ""
        return (
            "from datasets import load_dataset\n"
            "from trl import SFTConfig, SFTTrainer\n"
            f'train = load_dataset("parquet", data_files="{file}", split="train")\n'
            f"# SFTTrainer(model=..., args=SFTConfig(max_length=None{assistant_only}), train_dataset=train)\n"
            "# max_length=None: TRL's default cuts sequences at 1,024 tokens. TRL reads no weights.\n"
        )

    def card(self, rows: Sequence[TargetRow], left_out: Mapping[str, int], summary: TrainingSetSummary) -> str:
        """Return the text of the dataset card; `left_out` counts rows by the reason why they were not written."""
        return training_set_card(rows, left_out, summary, table=self.table)

    def _chat(self, row: TargetRow) -> Row:
        answer = ChatTurn(role="assistant", content=row.answer)
        if self.form == "prompt_completion":
            return {"prompt": list(row.prompt), "completion": [answer]}
        return {"messages": [*row.prompt, answer]}

    def _origin(self, row: TargetRow) -> Row:
        origin = {
            "assay_id": row.problem_id,
            "target_id": row.id,
            "method": row.method,
            "origin": row.origin,
            "weight": row.weight,
            "confidence": row.confidence,
            "verified": row.verified,
        }
        return {"extra_info": origin} if self.form == "verl" else origin
