"""`verifiers`: the tasks of an installed taskset of the verifiers library (v1), each judged by its own rewards."""

import importlib.util
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.core.identity import content_id, hash_file
from assay.core.ports import SourceRow
from assay.core.tasksets import load_tasks
from assay.core.types import OPEN, Drop, Label, Message, Problem
from assay.sources._bad_row import shorten

ROLES = ("system", "user", "assistant")


@dataclass(frozen=True, kw_only=True)
class Verifiers:
    """Read each task as one problem. The policy sees the task's system prompt and its prompt.

    The label is the task's `answer` where its data have one, and judged by the taskset's own rewards; another verifier
    reads that answer. The taskset's settings belong here and, for its rewards, into
    `[grade.settings."verifiers:NAME"]`. A task with pictures, tools' turns or no prompt is a drop with its number.

    Raises (when reading starts, and in `check`):
        ConfigError: the library or the taskset is not installed, its settings are wrong, or it never ends.
    """

    taskset: str  # as `vf-eval` takes it
    settings: dict[str, Any] = field(default_factory=dict)  # of the taskset's config
    verifier: str = ""  # "" = verifiers:TASKSET, the taskset's own rewards
    metadata_fields: tuple[str, ...] = ()  # of the task's data
    name: str = ""  # the problems' source; "" = the taskset's name
    limit: int | None = None  # maximum number of tasks; None = all

    def read(self) -> Iterator[SourceRow]:
        """Yield problems with labels, and drops, in the taskset's order."""
        tasks = self._load()
        return (self._convert(task, number) for number, task in enumerate(tasks[: self.limit], 1))

    def fingerprint(self) -> str:
        """Return a hash of the taskset's files and of its settings."""
        spec = importlib.util.find_spec(self.taskset.replace("-", "_"))
        origin = Path(spec.origin) if spec and spec.origin else None
        files = sorted(origin.parent.rglob("*.py")) if origin and origin.name == "__init__.py" else [origin]
        return content_id("verifiers", [hash_file(path) for path in files if path and path.is_file()], self.settings)

    def check(self) -> None:
        """Raise unless the taskset can be loaded."""
        self._load()

    def _load(self) -> list[Any]:
        return load_tasks(self.taskset, self.settings, f"source 'verifiers:{self.taskset}'")

    def _convert(self, task: Any, number: int) -> SourceRow:
        source = self.name or self.taskset
        try:
            data: Mapping[str, Any] = task.data.model_dump(mode="json")
            turns = tuple(_read_turns(data))
            metadata = {name: data[name] for name in self.metadata_fields if data.get(name) is not None}
            problem = Problem.of(turns, source=source, metadata=metadata)
            return problem, Label.of(
                problem.id, _read_answer(data), verifier=self.verifier or f"verifiers:{self.taskset}"
            )
        except ValueError as error:
            detail = shorten(str(error), 200)
        return Drop("ingest", "bad_task", detail=detail, source=source, file=self.taskset, line=number)


def _read_turns(data: Mapping[str, Any]) -> list[Message]:
    prompt, system = data.get("prompt"), data.get("system_prompt")
    turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt or [])
    turns = [{"role": "system", "content": system}, *turns] if system else turns
    if not turns:
        raise ValueError("the task has no prompt")
    return [Message(_read_role(turn), _read_content(turn.get("content"))) for turn in turns]


def _read_role(turn: Mapping[str, Any]) -> Any:
    if turn.get("role") not in ROLES:
        raise ValueError(f"a turn of {turn.get('role')!r}")
    return turn["role"]


def _read_content(content: Any) -> str:
    parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
    if other := next((part.get("type") for part in parts if part.get("type") != "text"), None):
        raise ValueError(f"a turn with {other}")
    return "".join(str(part["text"]) for part in parts)


def _read_answer(data: Mapping[str, Any]) -> str:
    answer = data.get("answer")
    if answer is None or answer == "":
        return OPEN
    return answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
