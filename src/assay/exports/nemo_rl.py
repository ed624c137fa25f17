"""`nemo_rl`: JSON lines for NeMo RL's ResponseDataset, an environment that gives the reward, and a start script."""

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import ClassVar

from assay.core.errors import ConfigError
from assay.core.export_rows import CheckedAttempt, ExportRow, Row
from assay.exports._reward_file import load_function

REWARD = '''"""Environment of this data set for NeMo RL: the verifier that measured its pass rates. Settings lie in reward.json."""

import ray
import torch
from nemo_rl.environments.interfaces import EnvironmentInterface, EnvironmentReturn

from assay.integrations.nemo_rl import build_datum, score_logs
from assay.integrations.reward import load_reward

REWARD = load_reward(__file__)


def assay_processor(datum_dict, task_data_spec, tokenizer, max_seq_length, idx):
    """Return the DatumSpec of a row; the prompt stands in the row, so no prompt file is applied."""
    return build_datum(datum_dict, tokenizer, max_seq_length, idx)


class Environment(EnvironmentInterface):
    """One completion per rollout, and its verdict's reward."""

    def __init__(self, cfg=None):
        self.cfg = cfg or {}

    def step(self, message_log_batch, metadata, return_extracted_answer=False):
        """Return the rewards of finished rollouts; what failed to be judged gets 0 and says so in the metadata."""
        scores = score_logs(REWARD, message_log_batch, metadata)
        return EnvironmentReturn(
            observations=[{"role": "environment", "content": score["outcome"]} for score in scores],
            metadata=[{**entry, "outcome": score["outcome"]} for entry, score in zip(metadata, scores)],
            next_stop_strings=[None] * len(scores),
            rewards=torch.tensor([score["reward"] for score in scores]),
            terminateds=torch.ones(len(scores)),
            answers=[score["answer"] for score in scores] if return_extracted_answer else None,
        )

    def global_post_process_and_metrics(self, batch):
        """Return the batch and its mean reward, where a rollout that was cut counts as 0."""
        rewards = batch["rewards"] * batch["is_end"]
        return batch, {"accuracy": rewards.mean().item(), "fraction_of_samples_properly_ended": batch["is_end"].float().mean().item()}

    def shutdown(self):
        """End the verifier's processes."""
        REWARD.close()


AssayEnvironment = ray.remote(max_restarts=-1, max_task_retries=-1)(Environment)
'''
START = '''"""Start NeMo RL's GRPO with this data set: python run_grpo.py CHECKOUT_OF_NEMO_RL [--config FILE] [OVERRIDE ...]"""

import os
import runpy
import sys
from pathlib import Path

from nemo_rl.data.processors import register_processor
from nemo_rl.distributed.ray_actor_environment_registry import ACTOR_ENVIRONMENT_REGISTRY
from nemo_rl.distributed.virtual_cluster import PY_EXECUTABLES
from nemo_rl.environments.utils import register_env

FOLDER = Path(__file__).resolve().parent
OVERRIDES = [
    "data.train.dataset_name=ResponseDataset",
    f"++data.train.data_path={{FOLDER / 'train.jsonl'}}",
    "data.train.split_validation_size=0",
    "data.default.prompt_file=null",
    "data.default.processor=assay",
    "data.default.env_name=assay",
    "data.shuffle=false",
    "++env.assay.num_workers=1",
]


def register():
    """Make the data's processor and environment known to NeMo RL, in this process and in its workers."""
    os.environ["PYTHONPATH"] = os.pathsep.join([str(FOLDER), *filter(None, [os.environ.get("PYTHONPATH")])])
    sys.path.insert(0, str(FOLDER))
    from reward import assay_processor

    register_processor("assay", assay_processor)
    register_env("assay", "reward.AssayEnvironment")
    ACTOR_ENVIRONMENT_REGISTRY["reward.AssayEnvironment"] = PY_EXECUTABLES.SYSTEM


if "__main__" == __name__:
    checkout = Path(sys.argv.pop(1))
    register()
    sys.argv[1:] = [*sys.argv[1:], *OVERRIDES]
    runpy.run_path(str(checkout / "examples" / "run_grpo.py"), run_name="__main__")
'''.replace("{{", "{").replace("}}", "}")


@dataclass(frozen=True)
class NemoRl:
    """One line per place of the curriculum: `messages`, the last of which is the gold answer, and the record.

    NeMo RL does not tell an environment whether a completion was cut.
    """

    suffix: ClassVar[str] = "jsonl"

    def rows(self, rows: Sequence[ExportRow]) -> list[Row]:
        """Return one row per place, in the curriculum's order."""
        return [
            {
                "messages": [*({**turn} for turn in row.prompt), {"role": "assistant", "content": row.answer}],
                "record": row.record(),
            }
            for row in rows
        ]

    def snippet(self, file: str) -> str:
        """Return the command that starts GRPO; the environment runs in NeMo RL's own Python, which needs assay."""
        return (
            f"pip install assay-curation\npython {Path(file).parent / 'run_grpo.py'} CHECKOUT_OF_NEMO_RL "
            "--config CHECKOUT_OF_NEMO_RL/examples/configs/grpo_math_1B.yaml\n"
            f"# reads {file}; NeMo Gym's servers under NeMo RL: export --to nemo_gym\n"
        )

    def files(self, name: str) -> Mapping[str, str]:
        """Return the environment and the script that registers it."""
        return {"reward.py": REWARD, "run_grpo.py": START}

    def call_reward(self, folder: Path, rows: Sequence[Row], attempts: Sequence[CheckedAttempt]) -> list[float | None]:
        """Return the rewards of attempts by one step of the environment, against NeMo RL's classes or their schema.

        Raises:
            ConfigError: torch is not installed.
        """
        if importlib.util.find_spec("torch") is None:
            raise ConfigError("torch is not installed, and NeMo RL's rewards are tensors: pip install torch")
        environment = load_function(folder / "reward.py", "Environment", modules=_SCHEMA)()
        logs = [
            [*row["messages"][:-1], {"role": "assistant", "content": attempt.text}]
            for row, attempt in zip(rows, attempts, strict=True)
        ]
        result = environment.step(logs, [{"record": row["record"]} for row in rows])
        return [
            None if entry["outcome"] == "verifier_error" else float(reward)
            for entry, reward in zip(result.metadata, result.rewards, strict=True)
        ]


def _schema() -> dict[str, ModuleType]:
    names = ("nemo_rl", "nemo_rl.environments", "nemo_rl.environments.interfaces", "ray")
    modules = {name: ModuleType(name) for name in names}
    modules["nemo_rl.environments.interfaces"].__dict__.update(
        EnvironmentInterface=object, EnvironmentReturn=SimpleNamespace
    )
    modules["ray"].__dict__.update(remote=lambda **options: lambda class_: class_)
    return modules


_SCHEMA = _schema()
