"""The rows of other tools' rollout files, one attempt each, and the columns that hold what they say."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from assay.core.errors import ConfigError
from assay.pipelines.stages.foreign_rows import flatten_row

# Tool -> what is read -> the columns that may hold it, of which the first one with a value counts.
NAMES: dict[str, dict[str, tuple[str, ...]]] = {
    "verl": {
        "prompt": ("input", "prompt"),
        "text": ("output", "response"),
        "reward": ("score", "acc", "reward"),
        "step": ("step",),
    },
    "trl": {
        "prompt": ("prompt",),
        "text": ("completion",),
        "reward": ("reward",),
        "step": ("step",),
        "advantage": ("advantage",),
    },
    "verifiers": {  # traces.jsonl, flattened
        "prompt": ("prompt",),
        "text": ("completion",),
        "reward": ("reward",),
        "step": ("step",),
    },
    "nemo_gym": {  # rollouts, flattened
        "prompt": ("prompt",),
        "text": ("completion",),
        "reward": ("reward",),
        "step": ("step",),
    },
    "open_instruct": {  # rollout logs and traces, decoded; what filtering_vllm.py writes
        "prompt": ("prompt", "messages"),
        "text": ("completion", "output", "outputs"),
        "reward": ("reward",),
        "step": ("step",),
        "advantage": ("advantage",),
    },
    "prm": {  # TRL's stepwise supervision: an attempt in steps, each with its label, or with a value in [0, 1]
        "prompt": ("prompt",),
        "steps": ("completions",),
        "labels": ("values", "labels"),
        "text": ("completion",),
        "reward": ("reward",),
        "step": ("step",),
    },
    "jsonl": {
        "prompt": ("prompt", "messages", "question", "problem"),
        "text": ("completion", "text", "response", "output"),
        "reward": ("reward", "score", "correct", "is_correct"),
        "step": ("step",),
        "advantage": ("advantage",),
    },
}


class Tokens:
    """Turns the token ids that a log holds into text, with the tokenizer of the model that was sampled.

    Args:
        place: `tokenizer.json`, or the folder that holds it; "" = rows with token ids are refused.

    Raises:
        ConfigError: there is no such file.
    """

    def __init__(self, place: str = "") -> None:
        self._tokenizer: Any = None
        if place:
            from tokenizers import Tokenizer

            file = Path(place) / "tokenizer.json" if Path(place).is_dir() else Path(place)
            if not file.is_file():
                raise ConfigError(f"--tokenizer {place}: no {file.name} there")
            self._tokenizer = Tokenizer.from_file(str(file))

    def decode(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a row with `prompt` and `completion` in place of their ids; one without ids as it is.

        Raises:
            ConfigError: the row holds ids, and no tokenizer is known.
        """
        if row.get("completion_ids") is None or "completion" in row:
            return row
        if self._tokenizer is None:
            raise ConfigError(
                "the rows hold token ids: name the folder of the sampled model's tokenizer with --tokenizer FOLDER"
            )
        prompt = self._tokenizer.decode(row.get("prompt_ids") or [], skip_special_tokens=False)
        return {**row, "prompt": prompt, "completion": self._tokenizer.decode(row["completion_ids"])}


def read_attempts(
    folder: Path, names: Mapping[str, tuple[str, ...]], tokens: Tokens | None = None
) -> Iterator[tuple[Path, int, dict[str, Any]]]:
    """Yield each row; one whose answers are a list is as many rows, each with its own of the rewards."""
    tokens = tokens or Tokens()
    for path, line, encoded in read_rows(folder):
        row = tokens.decode(encoded)
        if names.get("steps"):
            yield path, line, _join_steps(row, names)
            continue
        texts = next((row[name] for name in names["text"] if isinstance(row.get(name), list)), None)
        if not texts or not all(isinstance(text, str) for text in texts):
            yield path, line, row
            continue
        lists = {
            name: row[name]
            for field_name in ("text", "reward", "tokens", "finish")
            for name in names[field_name]
            if isinstance(row.get(name), list)
        }
        for place in range(len(texts)):
            own = {name: values[place] for name, values in lists.items() if len(values) == len(texts)}
            yield path, line, {**row, **own}


def _join_steps(row: Mapping[str, Any], names: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Return a row of steps as one attempt: `completion` is the whole, `steps` its parts and `labels` theirs.

    Steps that end in no white space are lines of their own, as TRL joins them.
    """
    steps = first_value(row, names["steps"])
    if not isinstance(steps, list) or not steps or not all(isinstance(step, str) for step in steps):
        return dict(row)
    if not any(step[-1:].isspace() for step in steps[:-1]):
        steps = [*(f"{step}\n" for step in steps[:-1]), steps[-1]]
    return {**row, "completion": "".join(steps), "steps": steps, "labels": first_value(row, names["labels"])}


def read_step_values(row: Mapping[str, Any]) -> list[float]:
    """Return the label of each step of a joined row as a number in [0, 1].

    Raises:
        ValueError: there are not as many labels as steps, or one is neither a truth value nor such a number.
    """
    labels = row["labels"] if isinstance(row["labels"], list) else []
    if len(labels) != len(row["steps"]):
        raise ValueError(f"{len(row['steps'])} steps and {len(labels)} labels")
    values = [to_number(label) for label in labels]
    wrong = next((place for place, value in enumerate(values) if value is None or not 0 <= value <= 1), None)
    if wrong is not None:
        raise ValueError(f"label {labels[wrong]!r} of step {wrong + 1} is none in [0, 1]")
    return [value for value in values if value is not None]


def read_rows(folder: Path) -> Iterator[tuple[Path, int, dict[str, Any]]]:
    """Yield every row with its file and its line, from 1; a line that is no JSON object is an empty row."""
    paths = (
        [folder]
        if folder.is_file()
        else sorted(path for path in folder.rglob("*") if path.suffix in (".jsonl", ".parquet"))
    )
    if not folder.exists():
        raise ConfigError(f"no such file or folder: {folder}")
    if not paths:
        raise ConfigError(f"{folder} contains no .jsonl or .parquet file")
    for path in paths:
        for line, row in enumerate(_rows(path), 1):
            yield from ((path, line, attempt) for attempt in flatten_row(row))


def _rows(path: Path) -> Iterable[dict[str, Any]]:
    if path.suffix == ".parquet":
        try:
            for batch in pq.ParquetFile(path).iter_batches(1024):
                yield from batch.to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise ConfigError(f"{path} cannot be read as Parquet: {str(error).splitlines()[0]}") from error
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for text in file:
            try:
                row = json.loads(text)
            except (ValueError, RecursionError):  # a line nested 100,000 deep is no row either
                row = {}
            yield row if isinstance(row, dict) else {}


def first_value(row: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """Return the first value among columns that is not None; None where no column has one."""
    return next((value for name in names if (value := _cell(row, name)) is not None), None)


def _cell(row: Mapping[str, Any], name: str) -> Any:
    """Return the value of a column, or of a field of a column where the name has a point; None where there is none."""
    if name in row or "." not in name:
        return row.get(name)
    outer, _, inner = name.partition(".")
    value = row.get(outer)
    return _cell(value, inner) if isinstance(value, dict) else None


def as_text(value: Any) -> Any:
    """Return the last turn of a chat as its content; anything else as it is."""
    return value[-1].get("content") if isinstance(value, list) and value and isinstance(value[-1], dict) else value


def read_reward(row: Mapping[str, Any], names: tuple[str, ...]) -> float | None:
    """Return the reward; where no such column is there, the sum of the rewards per function, as TRL logs them."""
    if (reward := to_number(first_value(row, names))) is not None:
        return reward
    parts = [value for name, value in row.items() if "reward" in name and isinstance(value, int | float)]
    rewards = [reward for part in parts if (reward := to_number(part)) is not None]
    return to_number(sum(rewards)) if rewards else None


def to_number(value: Any) -> float | None:
    """Return the value as a finite number; None where it is not one."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def to_whole(value: Any) -> int | None:
    """Return the value as a whole number that 32 bits hold, as steps and counts are; None where it is not one."""
    number = to_number(value)
    return int(number) if number is not None and abs(number) < 2**31 else None
