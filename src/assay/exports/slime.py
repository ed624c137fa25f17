"""`slime`: JSON lines with prompt, label and metadata, and a reward for `--custom-rm-path`."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

from assay.core.export_rows import CheckedAttempt, ExportRow, Row
from assay.exports._reward_file import load_function

REWARD = '''"""Reward of this data set for slime: the verifier that measured its pass rates. Settings lie in reward.json."""

from assay.integrations.reward import load_reward
from assay.integrations.slime import score_samples

REWARD = load_reward(__file__)


async def reward_func(args, sample, **kwargs):
    """Return the reward of a sample, or of each of a group; a verifier that failed marks its sample with remove_sample."""
    return await score_samples(REWARD, sample)
'''
SOURCE = '''"""slime's data in the order of an online curriculum, which lies in curriculum.json.

--data-source-path data_source.AssayDataSource --dynamic-sampling-filter-path assay.integrations.slime.observe_group
"""

from slime.rollout.data_source import RolloutDataSourceWithBuffer

from assay.integrations.slime import CurriculumSource


class AssayDataSource(CurriculumSource, RolloutDataSourceWithBuffer):
    """A data source that chooses groups by the curriculum."""
'''


@dataclass(frozen=True)
class Slime:
    """One line per place of the curriculum; `metadata` holds the record and `source_name`, as slime's contract asks."""

    suffix: ClassVar[str] = "jsonl"
    sampler_files: ClassVar[Mapping[str, str]] = {"data_source.py": SOURCE}

    row_wise: ClassVar[bool] = True

    def rows(self, rows: Sequence[ExportRow]) -> list[Row]:
        """Return one row per place, in the curriculum's order."""
        return [
            {
                "prompt": [dict(turn) for turn in row.prompt],
                "label": row.answer,
                "metadata": {**row.record(), "source_name": row.source},
            }
            for row in rows
        ]

    def snippet(self, file: str) -> str:
        """Return the options of slime's train script; without --rollout-shuffle the order stays."""
        return (
            f"export PYTHONPATH={Path(file).parent}:$PYTHONPATH\n"
            f"python train.py --prompt-data {file} --apply-chat-template \\\n"
            "  --input-key prompt --label-key label --metadata-key metadata \\\n"
            "  --custom-rm-path reward.reward_func\n"
        )

    def files(self, name: str) -> Mapping[str, str]:
        """Return the reward function."""
        return {"reward.py": REWARD}

    def call_reward(self, folder: Path, rows: Sequence[Row], attempts: Sequence[CheckedAttempt]) -> list[float | None]:
        """Return the rewards of attempts, called with a group of samples as slime does under `--group-rm`."""
        function = load_function(folder / "reward.py", "reward_func")
        samples = [
            SimpleNamespace(
                response=attempt.text,
                label=row["label"],
                metadata=row["metadata"],
                status="truncated" if attempt.finish == "length" else "completed",
                remove_sample=False,
            )
            for row, attempt in zip(rows, attempts, strict=True)
        ]
        rewards = asyncio.run(function(None, samples))
        return [None if sample.remove_sample else value for sample, value in zip(samples, rewards, strict=True)]
