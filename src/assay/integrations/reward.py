"""The reward of an exported data set: the verifier that measured its pass rates, with the same settings.

`curate export` writes `reward.py` and `reward.json` beside the data. The first calls this module as its trainer asks
for rewards, the second holds the `[grade]` table and the versions of the verifiers. A row carries what a verdict
depends on (`core.export_rows.ExportRow.record`).
"""

import json
import os
import sys
import threading
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from assay.core.config import GradeConfig
from assay.core.errors import ConfigError
from assay.core.identity import content_id
from assay.core.setting_names import present_names
from assay.core.types import Finish, GradingCase, Label, Message, Problem, Rollout, Verdict
from assay.verifiers.outside.plugins import CallLimits
from assay.verifiers.pool.grader import Grader

NEEDED = ("assay_id", "messages", "metadata", "source", "gold", "verifier")


class Answer(NamedTuple):
    """One completion, and the record of the row that asked for it."""

    record: Mapping[str, Any]
    text: str
    finish: Finish = "stop"  # length = cut at the token cap, where the trainer says so


class Reward:
    """Judge completions as the lake's verdicts were made; one per process, with worker processes of its own.

    Args:
        settings: of `reward.json`: {"grade": the table of a config, "versions": {verifier: version}}.
        folder: that holds it; files of rewards from outside are found there.
    """

    def __init__(self, settings: Mapping[str, Any], folder: Path) -> None:
        self.grade = GradeConfig.model_validate(present_names({"grade": settings["grade"]})["grade"])
        self.versions: Mapping[str, str] = settings["versions"]
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
        self._graders: dict[int, Grader] = {}  # by process id: a trainer may fork
        self._lock = threading.Lock()

    def judge(self, answers: Sequence[Answer]) -> list[Verdict]:
        """Return one verdict per completion, in order, as it counts in the config's mode.

        Raises:
            ConfigError: a row lacks what the verifier reads.
        """
        cases = [_build_case(answer) for answer in answers]
        return [verdict.in_mode(self.grade.mode) for verdict in self._grader().judge(cases)]

    def rewards(self, answers: Sequence[Answer]) -> list[float | None]:
        """Return one reward per completion, in order; None where the verifier failed, which is no evidence."""
        return [
            None if verdict.outcome == "verifier_error" else float(verdict.reward) for verdict in self.judge(answers)
        ]

    def close(self) -> None:
        """End the worker processes; the next call starts new ones."""
        for grader in self._graders.values():
            grader.close()
        self._graders.clear()

    def _grader(self) -> Grader:
        with self._lock:
            if os.getpid() not in self._graders:
                self._graders[os.getpid()] = self._start_grader()
            return self._graders[os.getpid()]

    def _start_grader(self) -> Grader:
        grade = self.grade
        grader = Grader(
            limit_s=grade.timeout_s,
            workers=grade.workers,
            allow_code=grade.allow_code,
            settings=grade.settings,
            env=grade.env,
            outside={name: CallLimits(**table.model_dump()) for name, table in grade.outside.items()},
        )
        for verifier, version in self.versions.items():
            if (present := grader.version(verifier)) != version:
                warnings.warn(
                    f"verifier {verifier!r} is version {present}, and version {version} measured this data set's pass "
                    "rates",
                    stacklevel=2,
                )
        return grader


def load_reward(file: str) -> Reward:
    """Return the reward whose `reward.json` lies beside a file.

    Raises:
        ConfigError: there is none.
    """
    folder = Path(file).resolve().parent
    try:
        settings = json.loads((folder / "reward.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"reward.json is missing beside {file}: copy both files") from error
    return Reward(settings, folder)


def _build_case(answer: Answer) -> GradingCase:
    record = answer.record
    if lacking := [name for name in NEEDED if name not in record]:
        raise ConfigError(
            f"a row has no {', '.join(lacking)}, which `curate export` writes; its fields: {', '.join(record)}"
        )
    problem = Problem(
        str(record["assay_id"]),
        tuple(Message(turn["role"], turn["content"]) for turn in json.loads(record["messages"])),
        source=record["source"] or "",
        metadata=record["metadata"] or "{}",
    )
    label = Label.of(problem.id, record["gold"], verifier=record["verifier"])
    key = content_id("exported reward", problem.id, answer.text, answer.finish)
    rollout = Rollout(key, problem.id, "", "", "", 0, -1, answer.text, 0, answer.finish)
    return GradingCase(problem, label, rollout)
