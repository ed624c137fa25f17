"""`trl`: the prompt-only format: a chat to answer, and columns that reward functions receive by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from assay.core.export_rows import CheckedAttempt, ExportRow, Row
from assay.core.pictures import Picture
from assay.exports._reward_file import load_function

REWARD = '''"""Reward of this data set for TRL: the verifier that measured its pass rates. Settings lie in reward.json."""

from assay.integrations.reward import load_reward
from assay.integrations.trl import score_completions

REWARD = load_reward(__file__)
MAX_TOKENS = {max_tokens}  # GRPOConfig(max_completion_length=...), from which on a completion was cut; 0 = the rows' max_tokens


def assay_reward(prompts, completions, completion_ids=None, **columns):
    """Return one reward per completion, None where the verifier failed."""
    rows = {{name: column for name, column in columns.items() if isinstance(column, list)}}
    return score_completions(REWARD, completions, rows, completion_ids=completion_ids, max_tokens=MAX_TOKENS)
'''
IN_DOLLARS = ("math", "numeric")  # verifiers of answers that TRL's accuracy_reward reads as mathematics


@dataclass(frozen=True)
class Trl:
    """One row per place of the curriculum: `prompt` as a chat, `answer` and `solution` for reward functions.

    `solution` is the answer between dollar signs, as `trl.rewards.accuracy_reward` reads it. The other columns say
    where the row comes from and what was measured; the reward beside the data judges by them. Where problems show
    pictures, turns are lists of parts and `images` holds the files; `load_dataset(...).cast_column("images",
    List(Image()))` opens them.
    """

    max_completion_length: int = 0  # the cap of training; 0 = the cap under which the pass rates were measured

    row_wise: ClassVar[bool] = True
    takes_pictures: ClassVar[bool] = True

    def rows(self, rows: Sequence[ExportRow]) -> list[Row]:
        """Return one row per place, in the curriculum's order."""
        return [{**_prompt(row), "answer": row.answer, "solution": _solution(row), **row.record()} for row in rows]

    def snippet(self, file: str) -> str:
        """Return a script that trains on the file with its reward, without shuffling it."""
        folder = str(Path(file).parent)
        return (
            f"import sys\n\nsys.path.append({folder!r})\n\n"
            "from datasets import load_dataset\nfrom reward import assay_reward\nfrom trl import GRPOConfig, "
            "GRPOTrainer\n\n"
            f'train = load_dataset("parquet", data_files={file!r}, split="train")\n'
            "trainer = GRPOTrainer(\n"
            '    model="your model",\n'
            "    reward_funcs=assay_reward,\n"
            "    train_dataset=train,\n"
            "    args=GRPOConfig(shuffle_dataset=False),  # it shuffles by default; this keeps the curriculum's order\n"
            ")\ntrainer.train()\n"
        )

    def files(self, name: str) -> Mapping[str, str]:
        """Return the reward function."""
        return {"reward.py": REWARD.format(max_tokens=self.max_completion_length)}

    def call_reward(self, folder: Path, rows: Sequence[Row], attempts: Sequence[CheckedAttempt]) -> list[float | None]:
        """Return the rewards of attempts, called with lists as GRPOTrainer does."""
        function = load_function(folder / "reward.py", "assay_reward")
        columns = {name: [row[name] for row in rows] for name in rows[0] if name != "prompt"}
        results = function(
            prompts=[row["prompt"] for row in rows],
            completions=[[{"role": "assistant", "content": attempt.text}] for attempt in attempts],
            completion_ids=[[0] * attempt.tokens for attempt in attempts],
            **columns,
        )
        return [None if result is None else float(result) for result in results]


def _solution(row: ExportRow) -> str:
    bare = row.verifier in IN_DOLLARS and "$" not in row.answer and "\\boxed" not in row.answer
    return f"${row.answer}$" if bare else row.answer


def _prompt(row: ExportRow) -> Row:
    if row.pictures is None:
        return {"prompt": list(row.prompt)}
    turns = [{"role": role, "content": [_part(piece) for piece in pieces]} for role, pieces in row.shown_turns()]
    return {"prompt": turns, "images": [picture.record() for picture in row.pictures]}


def _part(piece: str | Picture) -> dict[str, str | None]:
    return {"type": "image", "text": None} if isinstance(piece, Picture) else {"type": "text", "text": piece}
