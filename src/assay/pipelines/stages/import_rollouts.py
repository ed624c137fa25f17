"""Import other tools' rollouts as rollouts, texts and verdicts.

A row is matched to a problem by the `assay_id` that our exports carry, else by its prompt; a row that matches none is a
drop with its reason. Ids hash what was imported, so importing a folder again adds nothing.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from assay.core.errors import ConfigError, EvidenceError, suggest_names
from assay.core.expressions import parse_expression
from assay.core.identity import canonical_json, content_id
from assay.core.types import Drop
from assay.pipelines.data.drops import drop_row
from assay.pipelines.data.training_rows import IMPORTED, imported_synthesis_id
from assay.pipelines.sampling.attempt_rows import replace_surrogates
from assay.pipelines.stages.foreign_problems import Matcher
from assay.pipelines.stages.rollout_files import (
    NAMES,
    Tokens,
    as_text,
    first_value,
    read_attempts,
    read_reward,
    read_step_values,
    to_number,
)
from assay.stores.lake import Lake

WAVE = 2_000  # rows per commit
TABLES = ("rollouts", "completions", "verdicts", "step_labels", "drops")


@dataclass(slots=True)
class Imported:
    """Counts of what an import read, added and dropped."""

    rows: int = 0
    added: int = 0  # rollouts or scores that were new
    usable: int = 0  # rows that are attempts at a problem, those that were there before included
    unrated: int = 0  # of them, those whose reward could not be read
    dropped: Counter[str] = field(default_factory=Counter)
    columns: tuple[str, ...] = ()  # of the first row


@dataclass(frozen=True, slots=True)
class RolloutColumns:
    """Which columns hold what; "" = those that the tool is known to write. `a.b` is field b of column a."""

    problem: str = ""  # the question, as text, as a chat or written out by a chat template; or the problem's id
    text: str = ""  # what the policy answered
    reward: str = ""
    tokens: str = ""
    finish: str = ""  # why it ended: length = cut by the cap

    def names(self, tool: str) -> dict[str, tuple[str, ...]]:
        """Return the columns to look at, by what is read."""
        names = {"tokens": ("tokens",), "finish": ("finish", "finish_reason"), **NAMES[tool]}
        columns = {
            "prompt": self.problem,
            "text": self.text,
            "reward": self.reward,
            "tokens": self.tokens,
            "finish": self.finish,
        }
        return {**names, **{field_name: (name,) for field_name, name in columns.items() if name}}


def import_rollouts(
    lake: Lake,
    tool: str,
    folder: Path,
    *,
    policy: str,
    policy_last: str = "",
    sampler: Mapping[str, Any] | None = None,
    right: float | str = 1.0,
    columns: RolloutColumns = RolloutColumns(),
    labels: Mapping[str, str] | None = None,
    tokenizer: str = "",
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
        right: the least reward that counts as correct, or an expression over the columns (`core.expressions`).
        columns: which columns hold what.
        labels: the label of each problem that is judged against, by problem id; None = the first one in the lake.
        tokenizer: of logs that hold token ids: the folder with its `tokenizer.json`, or the file.

    Returns:
        Counts of what was read, added and dropped.

    Raises:
        ConfigError: an unknown tool, no file, one that cannot be read, or an expression that is none; what was read
            before it is kept.
        EvidenceError: no row is an attempt at a problem of the lake; the message has the columns.
    """
    if tool not in NAMES:
        raise ConfigError(f"unknown tool {tool!r}; {suggest_names(tool, NAMES)}")
    run, report = content_id("import", time.time_ns(), tool, str(folder)), Imported()
    names, tokens = columns.names(tool), Tokens(tokenizer)
    rated = labels is None or _has_rewards(folder, names, tokens)
    settings = canonical_json(
        {"tool": tool, **(sampler or {}), **({} if rated else {"judged": "by the labels' verifiers"})}
    )
    defaults = {
        "policy": policy,
        "policy_last": policy_last,
        "sampler": content_id("foreign sampler", settings),
        "tool": tool,
        "names": names,
        "is_right": _rule(right),
    }
    lake.append({"sampling_configs": [{"id": defaults["sampler"], "settings": settings}]}, run=run)
    matcher, sample_counts = Matcher(lake, labels), Counter[str]()
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    for path, line, row in read_attempts(folder, names, tokens):
        report.rows += 1
        report.columns = report.columns or tuple(row)
        rollout = _rollout_or_drop(row, matcher, defaults, sample_counts)
        if isinstance(rollout, Drop):
            report.dropped[rollout.reason] += 1
            rows["drops"].append(drop_row(replace(rollout, file=path.name, line=line), run))
        else:
            report.usable += 1
            report.unrated += rated and rollout["reward"] is None
            if values := rollout.pop("step_values"):
                rows["step_labels"].append(_steps_row(rollout, row["steps"], values))
            _add_rows(rows, rollout, matcher.label(rollout["problem_id"]), rated=rated)
        if sum(map(len, rows.values())) >= WAVE:
            report.added += _commit(lake, rows, run)
    report.added += _commit(lake, rows, run)
    if not report.usable:
        raise EvidenceError(_describe_mismatch(report, names, matcher))
    return report


def _rule(right: float | str) -> Callable[[Mapping[str, Any], float], bool]:
    """Return what says of a row and its reward whether the attempt is right."""
    try:
        least = float(right)
    except ValueError:
        is_true = parse_expression(str(right))
        return lambda row, _: is_true(row)
    return lambda _, reward: reward >= least


def _describe_mismatch(report: Imported, names: Mapping[str, tuple[str, ...]], matcher: Matcher) -> str:
    if not report.rows:
        return "the files have no rows, so nothing was imported"
    reasons = ", ".join(f"{count} {reason}" for reason, count in report.dropped.items())
    return (
        f"none of {report.rows} rows is an attempt at one of the lake's {matcher.count} problems ({reasons}); "
        f"the columns are {', '.join(report.columns) or 'none'}; the question was looked for in "
        f"{', '.join(names['prompt'])}, the answer in {', '.join(names['text'])}: --problem and --text name others"
    )


def _rollout_or_drop(
    row: Mapping[str, Any], matcher: Matcher, defaults: Mapping[str, Any], sample_counts: Counter[str]
) -> dict[str, Any] | Drop:
    """Make a rollout of a row, or a drop that says why it is none: no problem, no text, or a number that is none."""
    tool, names = defaults["tool"], defaults["names"]
    problem, text = matcher.problem(row, names["prompt"]), as_text(first_value(row, names["text"]))
    if problem is None:
        return Drop("import", "unmatched", "", f"{tool}: no problem has this assay_id or prompt", tool)
    if not isinstance(text, str):
        return Drop("import", "no_text", problem, f"{tool}: none of {names['text']} is a text", tool)
    try:
        return _rollout(row, problem, replace_surrogates(text), defaults, sample_counts)
    except ConfigError:  # of the user's expression, and so of every row
        raise
    except (TypeError, ValueError, OverflowError, ZeroDivisionError) as error:
        fault = f"{type(error).__name__}: {error}"[:200]
        return Drop("import", "unreadable", problem, f"{tool}: {fault}", tool)


def _rollout(
    row: Mapping[str, Any], problem: str, text: str, defaults: Mapping[str, Any], sample_counts: Counter[str]
) -> dict[str, Any]:
    """Make a rollout of a row, with text, reward and outcome; equal rows of one import differ by their order."""
    names = defaults["names"]
    policy, step = str(row.get("policy") or defaults["policy"]), first_value(row, names["step"])
    key = content_id("imported", defaults["tool"], problem, policy, defaults["sampler"], step, text)
    sample_counts[key] += 1
    sample_counts[place := f"{problem} {policy}"] += 1
    reward, finish = read_reward(row, names["reward"]), str(first_value(row, names["finish"]) or "stop")
    length = first_value(row, names["tokens"])
    outcome = (
        "truncated"
        if finish == "length"
        else "verifier_error"
        if reward is None
        else "correct"
        if defaults["is_right"](row, reward)
        else "wrong"
    )
    last = row.get("policy_last") or defaults["policy_last"]
    return {
        "id": content_id(key, sample_counts[key]),
        "problem_id": problem,
        "policy": policy,
        "policy_name": policy,
        "sampler": defaults["sampler"],
        "sample": sample_counts[place] - 1,
        "seed": _stored(row["seed"], 63) if row.get("seed") is not None else -1,
        "tokens": _stored(length or 0),
        "prompt_tokens": _stored(row.get("prompt_tokens") or 0),
        "finish": finish if finish in ("stop", "length", "error") else "stop",
        "engine": defaults["tool"],
        "step": _stored(step) if step is not None else None,
        "group": str(row["group"]) if row.get("group") is not None else None,
        "advantage": to_number(first_value(row, names.get("advantage", ()))),
        "guided": bool(row.get("guided", False)),
        "policy_last": str(last) if last else None,
        "text": text,
        "reward": reward,
        "outcome": outcome,
        "step_values": read_step_values(row) if names.get("steps") else [],
    }


def _steps_row(rollout: Mapping[str, Any], steps: Sequence[str], values: Sequence[float]) -> dict[str, Any]:
    """Make a row of `step_labels` of an imported attempt; how often a step was completed is not known."""
    synthesis = imported_synthesis_id(rollout["policy"])
    return {
        "id": content_id("steps", synthesis, rollout["id"], list(values)),
        "synthesis_id": synthesis,
        "method": IMPORTED,
        "problem_id": rollout["problem_id"],
        "rollout_id": rollout["id"],
        "steps": [
            {"text": replace_surrogates(text), "n": None, "n_correct": None, "value": value}
            for text, value in zip(steps, values, strict=True)
        ],
        "correct": None,
        "policy": rollout["policy"],
        "parents": [rollout["id"]],
        "side": "train",
    }


def _stored(value: Any, bits: int = 31) -> int:
    """Return a whole number that the table's column holds.

    Raises:
        OverflowError: it is larger.
    """
    number = int(value)
    if not -(2**bits) <= number < 2**bits:
        raise OverflowError(f"a number of {len(str(abs(number)))} digits")
    return number


def _has_rewards(folder: Path, names: Mapping[str, tuple[str, ...]], tokens: Tokens) -> bool:
    """Whether the first row has a reward; where it has none, the labels' own verifiers judge."""
    first = islice(read_attempts(folder, names, tokens), 1)
    return any(read_reward(row, names["reward"]) is not None for _, _, row in first)


def _add_rows(rows: dict[str, list[dict[str, Any]]], rollout: dict[str, Any], label: str, *, rated: bool) -> None:
    text, reward, outcome = rollout.pop("text"), rollout.pop("reward"), rollout.pop("outcome")
    verifier = f"imported:{rollout['engine']}"
    rows["rollouts"].append(rollout)
    rows["completions"].append({"id": rollout["id"], "text": text})
    if not rated:
        return
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
    stored_ids = lake.ids("rollouts", [row["id"] for row in rows["rollouts"]])
    fresh = {
        name: [row for row in waiting if row.get("rollout_id", row["id"]) not in stored_ids]
        for name, waiting in rows.items()
    }
    lake.append(fresh, run=run)
    for waiting in rows.values():
        waiting.clear()
    return len(fresh["rollouts"])
