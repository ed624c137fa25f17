"""`verifiers`: a taskset package of the verifiers library (v1), which prime-rl, vf-eval and vf-validate load."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from assay.core.export_rows import CheckedAttempt, ExportRow, Row
from assay.exports._reward_file import load_function

PROJECT = """[project]
name = "{dashed}"
version = "0.1.0"
description = "Tasks of the curriculum {name}, with the verifier that measured their pass rates"
requires-python = ">=3.11"
dependencies = ["verifiers>=0.4", "assay-curation"]

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[tool.hatch.build.targets.wheel]
packages = ["{package}"]
"""
INIT = '''"""Tasks that `curate export --to verifiers` wrote."""

from {package}.harness import OneTurn
from {package}.taskset import AssayTaskset

__all__ = ["AssayTaskset", "OneTurn"]
'''
HARNESS = '''"""One completion per task, asked for in this process: no program is installed, so a run needs no network of its own."""

import verifiers.v1 as vf
from verifiers.v1.runtimes import ProgramResult

from assay.integrations.tasksets import complete_chat


class OneTurn(vf.Harness[vf.HarnessConfig]):
    """Send the task's turns as they are, and take the first completion."""

    APPENDS_SYSTEM_PROMPT = True
    EXECUTES_CODE = False
    NEEDS_CONTAINER = False

    async def launch(self, ctx, trace, runtime, endpoint, secret, mcp_urls, data):
        """Ask the model once; the library records the call."""
        system, prompt = self.resolve_prompt(data)
        await complete_chat(endpoint, secret, ctx.model, system, prompt)
        return ProgramResult(0, "", "")
'''
REWARD = '''"""Reward of this data set for the verifiers library: the verifier that measured its pass rates. Settings lie in reward.json."""

from pathlib import Path

from assay.integrations import tasksets
from assay.integrations.reward import load_reward

REWARD = load_reward(__file__)


def score_attempts(rows, attempts):
    """Return the rewards of attempts by this package's own tasks, for `curate export --check`."""
    return tasksets.score_attempts(Path(__file__).parent, rows, attempts)
'''
TASKSET = '''"""One task per place of the curriculum, in its order."""

import json
from pathlib import Path

import verifiers.v1 as vf

from assay.integrations.tasksets import gold_is_accepted, score_trace
from {package}.reward import REWARD

DATA = Path(__file__).parent / "train.jsonl"


class AssayData(vf.TaskData):
    """A problem, and in `record` where it comes from and what was measured of it."""

    key: str
    record: dict


class AssayTask(vf.Task[AssayData]):
    """A problem whose reward is the verdict of the verifier that measured its pass rate."""

    @property
    def key(self) -> str:
        """Return the problem's id, which stays the same in every export."""
        return self.data.key

    @vf.reward(weight=1.0)
    async def verdict(self, trace: vf.Trace) -> float:
        """Return the verdict's reward; a verifier that fails is an error of the task, never 0."""
        return await score_trace(REWARD, self.data.record, trace)

    async def validate(self, runtime) -> bool | None:
        """Return whether the verifier accepts the gold answer in a usual form."""
        return await gold_is_accepted(REWARD, self.data.record)


class AssayConfig(vf.TasksetConfig):
    """The taskset has no settings of its own."""


class AssayTaskset(vf.Taskset[AssayTask, AssayConfig]):
    """The curriculum's problems in their order."""

    def load(self):
        """Yield a task per line of the data."""
        with DATA.open(encoding="utf-8") as lines:
            for line in lines:
                yield AssayTask(AssayData(**json.loads(line)), self.config.task)
'''


@dataclass(frozen=True)
class Verifiers:
    """A package with one task per place of the curriculum, whose key is the problem's id.

    `prompt` holds the turns after the system prompt, few-shot ones included. A problem that returns in another epoch
    has its place behind its key, since keys are unique. Install the folder with pip, or put it on the import path.
    """

    package: str = "assay_tasks"  # its name on the import path; the taskset's id is the same with hyphens

    suffix: ClassVar[str] = "jsonl"

    def __post_init__(self) -> None:
        if not self.package.isidentifier() or self.package != self.package.lower():
            raise ValueError(f"package is {self.package!r}, must be a lower-case Python module name")

    @property
    def inner_folder(self) -> str:
        """The package, which holds its own data."""
        return self.package

    def rows(self, rows: Sequence[ExportRow]) -> list[Row]:
        """Return one row per place, in the curriculum's order."""
        keys: set[str] = set()
        return [self._row(row, keys) for row in rows]

    def _row(self, row: ExportRow, keys: set[str]) -> Row:
        system = next((turn["content"] for turn in row.prompt if turn["role"] == "system"), None)
        key = row.assay_id if row.assay_id not in keys else f"{row.assay_id}-{row.place}"
        keys.add(row.assay_id)
        return {
            "key": key,
            "id": row.row_id or row.assay_id,
            "name": f"{row.source}:{row.assay_id[:12]}",
            "system_prompt": system,
            "prompt": [dict(turn) for turn in row.prompt if turn["role"] != "system"],
            "record": row.record(),
        }

    def snippet(self, file: str) -> str:
        """Return the commands that install the package, check its golds and evaluate a served model."""
        folder, taskset = Path(file).parent.parent, self.package.replace("_", "-")
        return (
            f"pip install -e {folder}\n"
            f"vf-validate {taskset}          # golds, without a model\n"
            f"vf-eval {taskset} --no-push -m MODEL --client.base-url http://127.0.0.1:8000/v1 --env.agent.runtime.type "
            "subprocess\n"
            f'# prime-rl: [orchestrator.train.env] taskset = {{ id = "{taskset}" }}\n'
        )

    def files(self, name: str) -> Mapping[str, str]:
        """Return the package's files; `pyproject.toml` lies above it."""
        dashed = self.package.replace("_", "-")
        return {
            "../pyproject.toml": PROJECT.format(dashed=dashed, name=json.dumps(name)[1:-1], package=self.package),
            "__init__.py": INIT.format(package=self.package),
            "harness.py": HARNESS,
            "taskset.py": TASKSET.format(package=self.package),
            "reward.py": REWARD,
        }

    def call_reward(self, folder: Path, rows: Sequence[Row], attempts: Sequence[CheckedAttempt]) -> list[float | None]:
        """Return the rewards of attempts by the tasks, as the library loads and scores them."""
        rewards: list[float | None] = load_function(folder / "reward.py", "score_attempts")(rows, attempts)
        return rewards
