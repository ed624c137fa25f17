"""`skyrl`: Parquet with the columns of SkyRL-Gym, and an environment that gives the reward."""

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from assay.core.errors import ConfigError
from assay.core.export_rows import CheckedAttempt, ExportRow, Row
from assay.exports._reward_file import load_function

REWARD = '''"""Environment of this data set for SkyRL: the verifier that measured its pass rates. Settings lie in reward.json."""

from skyrl_gym.envs.base_text_env import BaseTextEnv, BaseTextEnvStepOutput
from skyrl_gym.envs.registration import register, registry

from assay.integrations.reward import Answer, load_reward

REWARD = load_reward(__file__)


class AssayEnv(BaseTextEnv):
    """One completion, and its verdict's reward."""

    def __init__(self, env_config=None, extras={{}}):
        super().__init__()
        self.record = extras["extra_info"]

    def step(self, action):
        """Return the reward of the completion; a verifier that failed gives 0 and says so in the metadata."""
        reward = REWARD.rewards([Answer(self.record, action)])[0]
        return BaseTextEnvStepOutput(
            observations=[], reward=reward or 0.0, done=True, metadata={{"verifier_failed": reward is None}}
        )


if "{env_class}" not in registry:
    register(id="{env_class}", entry_point=AssayEnv)
'''


@dataclass(frozen=True)
class Skyrl:
    """One row per place of the curriculum, with `env_class` and `reward_spec`; the record lies in `extra_info`.

    SkyRL does not tell an environment whether a completion was cut.
    """

    env_class: str = "assay"  # the id under which the environment is registered

    row_wise: ClassVar[bool] = True

    def rows(self, rows: Sequence[ExportRow]) -> list[Row]:
        """Return one row per place, in the curriculum's order."""
        return [
            {
                "data_source": row.source,
                "prompt": [dict(turn) for turn in row.prompt],
                "env_class": self.env_class,
                "reward_spec": {"method": "rule", "ground_truth": row.answer},
                "extra_info": {**row.record(), "split": "filtered" if row.reason else "train"},
            }
            for row in rows
        ]

    def snippet(self, file: str) -> str:
        """Return a main script that registers the environment where SkyRL makes it, inside the Ray task."""
        folder = Path(file).parent
        return (
            "import sys\n\nimport ray\nfrom skyrl.train.config import SkyRLTrainConfig\n"
            "from skyrl.train.entrypoints.main_base import BasePPOExp\nfrom skyrl.train.utils import "
            "initialize_ray\n\n\n"
            "@ray.remote(num_cpus=1)\ndef train(cfg):\n"
            f"    sys.path.append({str(folder)!r})\n"
            "    import reward  # registers the environment\n\n    BasePPOExp(cfg).run()\n\n\n"
            "# the config's keys:\n"
            f"#   data.train_data=['{file}'] environment.env_class={self.env_class}\n"
            "cfg = SkyRLTrainConfig.from_cli_overrides(sys.argv[1:])\ninitialize_ray(cfg)\nray.get(train.remote(cfg))\n"
        )

    def files(self, name: str) -> Mapping[str, str]:
        """Return the environment."""
        return {"reward.py": REWARD.format(env_class=self.env_class)}

    def call_reward(self, folder: Path, rows: Sequence[Row], attempts: Sequence[CheckedAttempt]) -> list[float | None]:
        """Return the rewards of attempts by a new environment each, as SkyRL's generator makes it from the row.

        Raises:
            ConfigError: skyrl_gym is not installed.
        """
        if importlib.util.find_spec("skyrl_gym") is None:
            raise ConfigError(
                "skyrl_gym is not installed, and the exported environment derives from its class: pip install skyrl-gym"
            )
        environment = load_function(folder / "reward.py", "AssayEnv")
        steps = [
            environment(
                env_config=None, extras={name: row[name] for name in row if name not in ("prompt", "env_class")}
            ).step(attempt.text)
            for row, attempt in zip(rows, attempts, strict=True)
        ]
        return [None if step["metadata"]["verifier_failed"] else float(step["reward"]) for step in steps]
