"""`verl`: Parquet with the columns data_source, prompt, ability, reward_model, extra_info, and a reward function."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from assay.core.export_rows import ChatTurn, CheckedAttempt, ExportRow, Row
from assay.core.pictures import Picture
from assay.exports._reward_file import load_function

REWARD = '''"""Reward of this data set for verl: the verifier that measured its pass rates. Settings lie in reward.json."""

from assay.integrations.reward import load_reward
from assay.integrations.verl import compute_score as score

REWARD = load_reward(__file__)


def compute_score(data_source, solution_str, ground_truth, extra_info=None, **kwargs):
    """Return {score, acc, pred, outcome} of one completion."""
    return score(REWARD, solution_str, extra_info)
'''
SAMPLER = '''"""verl's data in the order of an online curriculum, which lies in curriculum.json.

verl 0.9: data.custom_cls.path=THIS_FILE data.custom_cls.name=AssayDataset +data.curriculum.group_size=N
  trainer.v1.sampler.custom_sampler.path=THIS_FILE trainer.v1.sampler.custom_sampler.name=AssayReplayBuffer
  (AssayReplayBufferAsync where trainer.v1.trainer_mode is not sync; neither with trainer.use_v1=False)
verl 0.5 to 0.8: data.sampler.class_path=THIS_FILE data.sampler.class_name=AssaySampler +data.sampler.group_size=N
All: data.shuffle=False data.dataloader_num_workers=0, and N as in actor_rollout_ref.rollout.n.
"""

from assay.integrations.verl import CurriculumDataset, CurriculumReplayBuffer, CurriculumSampler

try:
    from verl.experimental.dataset.sampler import AbstractCurriculumSampler
except ImportError:  # verl 0.9 has none
    AbstractCurriculumSampler = None
try:
    from verl.utils.dataset.rl_dataset import RLHFDataset
except ImportError:
    RLHFDataset = None
try:
    from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer, ReplayBufferAsync
except ImportError:  # before verl 0.9
    ReplayBuffer = ReplayBufferAsync = None

if AbstractCurriculumSampler is not None:

    class AssaySampler(CurriculumSampler, AbstractCurriculumSampler):
        """A sampler whose `update` verl calls after each batch."""


if RLHFDataset is not None:

    class AssayDataset(CurriculumDataset, RLHFDataset):
        """A data set whose training rows come in the curriculum's order."""


if ReplayBuffer is not None:

    class AssayReplayBuffer(CurriculumReplayBuffer, ReplayBuffer):
        """The synchronous trainer's buffer, which tells the data set's curriculum of each batch."""

    class AssayReplayBufferAsync(CurriculumReplayBuffer, ReplayBufferAsync):
        """The asynchronous trainers' buffer."""
'''
ABILITIES = {"math": "math", "numeric": "math", "code": "code"}  # by verifier


@dataclass(frozen=True)
class Verl:
    """One row per place of the curriculum.

    `curate import rollouts --from verl` finds the problem of each rollout by `extra_info.assay_id`. verl's default
    reward raises NotImplementedError for a `data_source` that it does not know, so the reward beside the data is named
    in the snippet. verl does not tell a reward whether a completion was cut, so a graded reward may pay a cut one that
    the lake counts as truncated: `--check` says so. Pictures are in `images`, where verl looks for them, and `<image>`
    in the prompt says where each stands. A row that came from verl's own data keeps its `data_source` and the fields of
    its `extra_info`.
    """

    ability: str = ""  # "" = math, code or reasoning, by the verifier
    data_source: str = ""  # a name that verl scores, such as openai/gsm8k or math_dapo; "" = the problem's source

    sampler_files: ClassVar[Mapping[str, str]] = {"sampler.py": SAMPLER}

    row_wise: ClassVar[bool] = True
    takes_pictures: ClassVar[bool] = True

    def rows(self, rows: Sequence[ExportRow]) -> list[Row]:
        """Return one row per place, in the curriculum's order."""
        return [self._row(row) for row in rows]

    def _row(self, row: ExportRow) -> Row:
        metadata = json.loads(row.metadata)
        own = metadata.get("extra_info")
        return {
            "data_source": self.data_source or metadata.get("data_source") or row.source,
            "prompt": list(row.prompt) if row.pictures is None else _marked_turns(row),
            **({} if row.pictures is None else {"images": [picture.record() for picture in row.pictures]}),
            "ability": self.ability or ABILITIES.get(row.verifier, "reasoning"),
            "reward_model": {"style": "rule", "ground_truth": row.answer},
            "extra_info": {
                **(own if isinstance(own, dict) else {}),
                **row.record(),
                "split": "filtered" if row.reason else "train",
            },
        }

    def snippet(self, file: str) -> str:
        """Return the command whose overrides name the reward and keep the curriculum's order."""
        reward = str(Path(file).parent / "reward.py")
        return (
            "python -m verl.trainer.main_ppo \\\n"
            f"  data.train_files={file} \\\n"
            "  data.shuffle=False data.dataloader_num_workers=0 \\\n"
            f"  reward.custom_reward_function.path={reward} reward.custom_reward_function.name=compute_score\n"
            "# before verl 0.8 the two keys begin with custom_reward_function\n"
        )

    def files(self, name: str) -> Mapping[str, str]:
        """Return the reward function."""
        return {"reward.py": REWARD}

    def call_reward(self, folder: Path, rows: Sequence[Row], attempts: Sequence[CheckedAttempt]) -> list[float | None]:
        """Return the rewards of attempts, called one by one as verl's reward manager does."""
        function = load_function(folder / "reward.py", "compute_score")
        results = [
            function(
                data_source=row["data_source"],
                solution_str=attempt.text,
                ground_truth=row["reward_model"]["ground_truth"],
                extra_info=row["extra_info"],
            )
            for row, attempt in zip(rows, attempts, strict=True)
        ]
        return [None if result["outcome"] == "verifier_error" else result["score"] for result in results]


def _marked_turns(row: ExportRow) -> list[ChatTurn]:
    """Return the prompt with verl's mark for each picture."""
    return [
        ChatTurn(role=role, content="".join("<image>" if isinstance(piece, Picture) else piece for piece in pieces))
        for role, pieces in row.shown_turns()
    ]
