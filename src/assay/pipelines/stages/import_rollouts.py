"""Import other tools' rollouts as rollouts, texts and verdicts, and their difficulty columns as scores.

A row is matched to a problem by the `assay_id` that our exports carry, else by its prompt; a row that matches none is a
drop with its reason. Ids hash what was imported, so importing a folder again adds nothing.
"""

import json
import math
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from assay.core.errors import ConfigError, suggest_names
from assay.core.identity import canonical_json, content_id
from assay.core.types import Drop
from assay.maths.text.instruction_wrappers import strip_instructions
from assay.maths.text.rendered_prompts import rendered_questions
from assay.maths.text.words import normal_form
from assay.pipelines.data.drops import drop_row
from assay.pipelines.data.scores import score_id
from assay.pipelines.sampling.attempts import storable
from assay.stores.lake import Lake

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
    "jsonl": {
        "prompt": ("prompt", "messages", "question"),
        "text": ("completion", "text", "response", "output"),
        "reward": ("reward", "score"),
        "step": ("step",),
        "advantage": ("advantage",),
    },
}
# Difficulty columns of public data sets -> (what a higher value means, divisor). A value "k/n", as POLARIS has it, is
# k correct of n attempts under any name.
COLUMNS = {
    "llama8b_solve_rate": ("easier", 1.0),  # Big-Math
    "difficulty": ("harder", 10.0),  # DeepScaleR: judged from 1 to 10, -1 where nobody judged
    "passrate": ("easier", 1.0),  # open-instruct; its counts are read where they are there
    "pass_rate_72b_tir": ("easier", 1.0),  # OpenMathReasoning, as text, "n/a" where there is none
}
COUNTED = re.compile(r"\s*(\d+)\s*/\s*(\d+)\s*")
WAVE = 2_000  # rows per commit


@dataclass(slots=True)
class Imported:
    """Counts of what an import read, added and dropped."""

    rows: int = 0
    added: int = 0  # rollouts or scores that were new
    dropped: Counter[str] = field(default_factory=Counter)


def import_rollouts(
    lake: Lake,
    tool: str,
    folder: Path,
    *,
    policy: str,
    policy_last: str = "",
    sampler: Mapping[str, Any] | None = None,
    right: float = 1.0,
) -> Imported:
    """Import the rollouts of every .jsonl and .parquet file under a folder.

    A row's own `policy`, `policy_last`, `guided`, `finish`, `tokens` and `reward` take precedence over the arguments. A
    finish of `length` is truncated.

    Args:
        lake: where they are added.
        tool: which tool wrote them: a name in `NAMES`.
        folder: of the files, or one file.
        policy: the policy that generated them.
        policy_last: the policy at the end of the rollout, where weights changed in between.
        sampler: settings under which they were sampled.
        right: the least reward that counts as correct.

    Returns:
        Counts of what was read, added and dropped.

    Raises:
        ConfigError: an unknown tool, no file, or one that cannot be read; what was read before it is kept.
    """
    if tool not in NAMES:
        raise ConfigError(f"unknown tool {tool!r}; {suggest_names(tool, NAMES)}")
    run, report = content_id("import", time.time_ns(), tool, str(folder)), Imported()
    settings = canonical_json({"tool": tool, **(sampler or {})})
    defaults = {
        "policy": policy,
        "policy_last": policy_last,
        "sampler": content_id("foreign sampler", settings),
        "tool": tool,
        "right": right,
    }
    lake.append({"sampling_configs": [{"id": defaults["sampler"], "settings": settings}]}, run=run)
    matcher, seen = _Matcher(lake), Counter[str]()
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in ("rollouts", "completions", "verdicts", "drops")}
    for path, line, row in _read_rows(folder):
        report.rows += 1
        problem = matcher.problem(row, NAMES[tool]["prompt"])
        text = _first_value(row, NAMES[tool]["text"])
        if problem is None or not isinstance(text, str):
            reason = "unmatched" if problem is None else "no_text"
            report.dropped[reason] += 1
            detail = (
                f"{tool}: no problem has this assay_id or prompt"
                if problem is None
                else f"{tool}: none of {NAMES[tool]['text']} is a text"
            )
            rows["drops"].append(drop_row(Drop("import", reason, problem or "", detail, tool, path.name, line), run))
        elif isinstance(rollout := _rollout_or_why(row, problem, storable(text), defaults, seen), str):
            report.dropped["unreadable"] += 1
            rows["drops"].append(
                drop_row(Drop("import", "unreadable", problem, f"{tool}: {rollout}", tool, path.name, line), run)
            )
        else:
            _add_rows(rows, rollout, matcher.label(problem))
        if sum(map(len, rows.values())) >= WAVE:
            report.added += _commit(lake, rows, run)
    report.added += _commit(lake, rows, run)
    return report


def import_scores(
    lake: Lake, folder: Path, column: str, *, model: str, direction: str = "", scale: float = 0.0
) -> Imported:
    """Import a difficulty column of another tool as scores in [0, 1].

    A value "k/n" is k correct of n attempts, so a higher one is easier whatever the column is called. A value outside
    [0, 1] is a drop.

    Args:
        lake: where the scores are added.
        folder: of the files, or one file.
        column: the name of the column.
        model: whose difficulty it is.
        direction: whether a higher value is "easier" or "harder"; "" = as `COLUMNS` says.
        scale: by which values are divided; 0 = as `COLUMNS` says, else 1.

    Returns:
        Counts of what was read, added and dropped.

    Raises:
        ConfigError: a column of unknown direction, or no file; nothing was added.
    """
    towards, divisor = COLUMNS.get(column, ("", 1.0))
    run, report, matcher = content_id("import", time.time_ns(), column), Imported(), _Matcher(lake)
    rows, drops = [], []
    for path, line, row in _read_rows(folder):
        report.rows += 1
        problem = matcher.problem(row, ("prompt", "problem", "question", "messages"))
        share = _read_share(row, column, scale or divisor)
        if problem is None or share is None:
            reason = "unmatched" if problem is None else "no_value"
            report.dropped[reason] += 1
            detail = f"{column}: {row.get(column)!r}"[:200]
            drops.append(drop_row(Drop("import", reason, problem or "", detail, model, path.name, line), run))
            continue
        means = direction or ("easier" if "/" in str(row[column]) else towards)
        if means not in ("easier", "harder"):
            raise ConfigError(
                f"--direction easier or harder: what does more of {column!r} mean? Known by name: {', '.join(COLUMNS)}"
            )
        rows.append(_score(problem, column, share, model, means))
    before = lake.rows("SELECT count(*) AS n FROM scores")[0]["n"]
    lake.append({"scores": rows, "drops": drops}, run=run)
    report.added = lake.rows("SELECT count(*) AS n FROM scores")[0]["n"] - before
    return report


class _Matcher:
    """Finds the problem of a row by its id, else by the normal form of its prompt."""

    def __init__(self, lake: Lake) -> None:
        problems = lake.rows("SELECT id, messages FROM problems")
        self._ids = {row["id"] for row in problems}
        self._prompts: dict[str, str] = {}
        for row in problems:
            turns = [turn["content"] for turn in row["messages"]]
            for text in (turns[-1], "\n".join(turns)):
                self._prompts.setdefault(normal_form(text), row["id"])
        self._labels = {
            row["problem_id"]: row["id"]
            for row in lake.rows("SELECT problem_id, min(id) AS id FROM labels GROUP BY problem_id")
        }

    def problem(self, row: Mapping[str, Any], prompts: tuple[str, ...]) -> str | None:
        extra = row.get("extra_info") or row.get("info") or {}
        id_ = row.get("assay_id") or (extra.get("assay_id") if isinstance(extra, dict) else None)
        if isinstance(id_, str) and id_ in self._ids:
            return id_
        prompt = _first_value(row, prompts)
        turns = [turn for turn in prompt if isinstance(turn, dict)] if isinstance(prompt, list) else []
        texts = (
            [turn.get("content", "") for turn in turns if turn.get("role") == "user"][-1:]
            if isinstance(prompt, list)
            else [prompt]
        )
        for text in filter(lambda text: isinstance(text, str), texts):
            for candidate in (text, *rendered_questions(text)):
                for question in (candidate, strip_instructions(candidate)):
                    if problem := self._prompts.get(normal_form(question)):
                        return problem
        return None

    def label(self, problem: str) -> str:
        return str(self._labels.get(problem, ""))


def _rollout_or_why(
    row: Mapping[str, Any], problem: str, text: str, defaults: Mapping[str, Any], seen: Counter[str]
) -> dict[str, Any] | str:
    """Make a rollout of a row, or say what is wrong with one of its numbers."""
    try:
        return _rollout(row, problem, text, defaults, seen)
    except (TypeError, ValueError, OverflowError) as error:
        return f"{type(error).__name__}: {error}"[:200]


def _rollout(
    row: Mapping[str, Any], problem: str, text: str, defaults: Mapping[str, Any], seen: Counter[str]
) -> dict[str, Any]:
    """Make a rollout of a row, with text, reward and outcome; equal rows of one import differ by their order."""
    names = NAMES[defaults["tool"]]
    policy, step = str(row.get("policy") or defaults["policy"]), _first_value(row, names["step"])
    key = content_id("imported", defaults["tool"], problem, policy, defaults["sampler"], step, text)
    seen[key] += 1
    seen[place := f"{problem} {policy}"] += 1
    reward, finish = _reward(row, names["reward"]), str(row.get("finish") or row.get("finish_reason") or "stop")
    outcome = (
        "truncated"
        if finish == "length"
        else "verifier_error"
        if reward is None
        else "correct"
        if reward >= defaults["right"]
        else "wrong"
    )
    last = row.get("policy_last") or defaults["policy_last"]
    return {
        "id": content_id(key, seen[key]),
        "problem_id": problem,
        "policy": policy,
        "policy_name": policy,
        "sampler": defaults["sampler"],
        "sample": seen[place] - 1,
        "seed": int(row["seed"]) if row.get("seed") is not None else -1,
        "tokens": int(row.get("tokens") or 0),
        "prompt_tokens": int(row.get("prompt_tokens") or 0),
        "finish": finish if finish in ("stop", "length", "error") else "stop",
        "engine": defaults["tool"],
        "step": int(step) if step is not None else None,
        "group": str(row["group"]) if row.get("group") is not None else None,
        "advantage": _to_number(_first_value(row, names.get("advantage", ()))),
        "guided": bool(row.get("guided", False)),
        "policy_last": str(last) if last else None,
        "text": text,
        "reward": reward,
        "outcome": outcome,
    }


def _add_rows(rows: dict[str, list[dict[str, Any]]], rollout: dict[str, Any], label: str) -> None:
    text, reward, outcome = rollout.pop("text"), rollout.pop("reward"), rollout.pop("outcome")
    verifier = f"imported:{rollout['engine']}"
    rows["rollouts"].append(rollout)
    rows["completions"].append({"id": rollout["id"], "text": text})
    verdict = {
        "id": content_id("verdict", rollout["id"], verifier),
        "rollout_id": rollout["id"],
        "label_id": label,
        "verifier": verifier,
        "version": "1",
    }
    reason = "the other tool's reward" if reward is not None else "the row has no reward"
    rows["verdicts"].append({**verdict, "outcome": outcome, "reward": reward or 0.0, "extracted": "", "reason": reason})


def _commit(lake: Lake, rows: dict[str, list[dict[str, Any]]], run: str) -> int:
    stored = lake.ids("rollouts", [row["id"] for row in rows["rollouts"]])
    fresh = {
        name: [row for row in waiting if row.get("rollout_id", row["id"]) not in stored]
        for name, waiting in rows.items()
    }
    lake.append(fresh, run=run)
    for waiting in rows.values():
        waiting.clear()
    return len(fresh["rollouts"])


def _read_share(row: Mapping[str, Any], column: str, divisor: float) -> tuple[float, int, int] | None:
    """Return (value in [0, 1], correct, attempts); None where the cell is empty, no number, or outside [0, 1]."""
    cell = row.get(column)
    if isinstance(cell, str) and (counted := COUNTED.fullmatch(cell)):
        correct, total = int(counted[1]), int(counted[2])
        return (correct / total, correct, total) if 0 < total >= correct else None
    value = _to_number(cell)
    if value is None or not 0 <= value / divisor <= 1:
        return None
    total = int(row.get("total_rollouts") or 0)
    return value / divisor, int(row.get("total_correct_rollouts") or 0) if total else 0, total


def _score(problem: str, column: str, share: tuple[float, int, int], model: str, direction: str) -> dict[str, Any]:
    value, correct, total = share
    content = {
        "scoring_id": content_id("foreign", column, model),
        "problem_id": problem,
        "scorer": f"imported:{column}",
        "policy": model,
        "sampler": "",
        "verifier": "",
        "prior": "",
        "value": value,
        "low": 0.0,
        "high": 1.0,
        "n_correct": correct,
        "n_wrong": total - correct,
        "n_truncated": 0,
        "n_error": 0,
        "direction": direction,
        "censored": False,
    }
    return {"id": score_id(content), **content}


def _read_rows(folder: Path) -> Iterator[tuple[Path, int, dict[str, Any]]]:
    """Yield every row with its file and its line, from 1; a line that is no JSON object is an empty row."""
    paths = (
        [folder]
        if folder.is_file()
        else sorted(path for path in folder.rglob("*") if path.suffix in (".jsonl", ".parquet"))
    )
    if not folder.exists():
        raise ConfigError(f"no such file or folder: {folder}")
    if not paths:
        raise ConfigError(f"{folder} holds no .jsonl and no .parquet file")
    for path in paths:
        for line, row in enumerate(_rows(path), 1):
            yield path, line, row


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
            except ValueError:
                row = {}
            yield row if isinstance(row, dict) else {}


def _first_value(row: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    value = next((row[name] for name in names if row.get(name) is not None), None)
    if isinstance(value, list) and value and isinstance(value[-1], dict) and names == ("completion",):
        return value[-1].get("content")
    return value


def _reward(row: Mapping[str, Any], names: tuple[str, ...]) -> float | None:
    """Return the reward; where no such column is there, the sum of the rewards per function, as TRL logs them."""
    if (reward := _to_number(_first_value(row, names))) is not None:
        return reward
    rewards = [value for name, value in row.items() if "reward" in name and isinstance(value, int | float)]
    return float(sum(rewards)) if rewards else None


def _to_number(value: Any) -> float | None:
    """Return the value as a finite number; None where it is not one."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
