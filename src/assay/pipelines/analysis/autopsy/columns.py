"""The columns of a rollout log: names that trainers are known to use, of which the first one with a value counts."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from assay.core.errors import ConfigError

KNOWN: dict[str, tuple[str, ...]] = {
    "prompt": ("prompt", "input", "messages", "question", "problem", "query"),
    "text": ("completion", "output", "response", "text", "responses", "completions", "generations", "code"),
    "reward": ("reward", "score", "acc", "correct", "is_correct", "outcome"),
    "correct": ("acc", "correct", "is_correct", "accuracy", "accuracy_reward", "correct_term"),
    "step": ("step", "global_step", "training_step", "iteration"),
    "gold": (
        "gold",
        "gts",
        "gt",
        "ground_truth",
        "expected_answer",
        "answer",
        "solution",
        "target",
        "reward_model.ground_truth",
        "extra_info.answer",
    ),
    "tokens": ("tokens", "completion_tokens", "response_length", "num_tokens"),
    "finish": ("finish", "finish_reason", "stop_reason", "is_truncated", "truncated"),
    "group": ("group", "group_id"),
}
LOGGED_OUTCOMES = {"correct": 1.0, "wrong": 0.0, "truncated": 0.0}
CUTS = ("length", "max_tokens", "max_output_tokens", "truncated", "true")


@dataclass(frozen=True, slots=True)
class LogColumns:
    """Which columns hold what; "" = the known names. `a.b` is field b of column a."""

    prompt: str = ""  # the question: a text, a chat, or one that a chat template wrote out
    text: str = ""  # the answer, or a list of answers
    reward: str = ""
    correct: str = ""  # whether the answer is right, where the reward is something else
    step: str = ""
    gold: str = ""
    tokens: str = ""
    finish: str = ""  # why the answer ended: length = cut by the cap
    group: str = ""

    def names(self) -> dict[str, tuple[str, ...]]:
        """Return the columns to look at, by what is read."""
        return {field_name: (name,) if name else KNOWN[field_name] for field_name, name in asdict(self).items()}


KNOWN_COLUMNS = LogColumns()


class ColumnLayouts:
    """Narrows the names to those that rows have, once per set of columns."""

    def __init__(self, names: Mapping[str, tuple[str, ...]]) -> None:
        self._names, self._layouts = names, dict[tuple[str, ...], dict[str, tuple[str, ...]]]()

    def of(self, row: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        """Return the names that a row has, by what is read."""
        key = tuple(row)
        if key not in self._layouts:
            self._layouts[key] = {
                field_name: tuple(name for name in names if name in row or name.partition(".")[0] in row)
                for field_name, names in self._names.items()
            }
        return self._layouts[key]

    def used(self) -> dict[str, str]:
        """Return the first name of each kind that some row has."""
        return {
            field_name: name
            for field_name in self._names
            if (name := next((layout[field_name][0] for layout in self._layouts.values() if layout[field_name]), ""))
        }

    def explain(self) -> ConfigError:
        """Return the error for a log of which no row could be read: its columns, and the options that name them."""
        columns = ", ".join(dict.fromkeys(name for key in self._layouts for name in key)) or "none"
        missing = [field_name for field_name in ("prompt", "text", "reward") if field_name not in self.used()]
        options = ", ".join(f"--{what}" for what in missing or [field.name for field in fields(LogColumns)])
        return ConfigError(
            f"no row is an attempt with question, answer and reward; the columns are {columns}; {options} name others"
        )
