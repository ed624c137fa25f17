"""Import difficulty columns of other tools as scores."""

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assay.core.errors import ConfigError
from assay.core.identity import content_id
from assay.core.types import Drop
from assay.pipelines.data.drops import drop_row
from assay.pipelines.data.scores import score_id
from assay.pipelines.stages.foreign_problems import Matcher
from assay.pipelines.stages.import_rollouts import WAVE, Imported
from assay.pipelines.stages.rollout_files import read_rows, to_number
from assay.stores.lake import Lake

# Difficulty columns of public data sets -> (what a higher value means, divisor). A value "k/n", as POLARIS has it, is
# k correct of n attempts under any name.
COLUMNS = {
    "llama8b_solve_rate": ("easier", 1.0),  # Big-Math
    "difficulty": ("harder", 10.0),  # DeepScaleR: judged from 1 to 10, -1 where nobody judged
    "passrate": ("easier", 1.0),  # open-instruct; its counts are read where they are there
    "pass_rate_72b_tir": ("easier", 1.0),  # OpenMathReasoning, as text, "n/a" where there is none
    "mean/reward": ("easier", 1.0),  # NeMo Gym's profiles
}
# The same by the form of the name. DeepMath's and DeepScaleR's `difficulty` are alike, Dolci's `passrate` is
# open-instruct's.
FORMS = (
    (re.compile(r".+_avg_reward"), ("easier", 1.0)),  # SYNTHETIC-2: Qwen/Qwen3-4B_avg_reward
    (re.compile(r"avg@\d+_.+"), ("easier", 1.0)),  # INTELLECT-3-RL: avg@8_qwen3_4b_instruct_2507
    (re.compile(r"solve_rate_.+"), ("easier", 1.0)),  # INTELLECT-2-RL: solve_rate_qwen_r1_distill_7b
)
COUNTED = re.compile(r"\s*(\d+)\s*/\s*(\d+)\s*")


def import_scores(
    lake: Lake, folder: Path, column: str, *, model: str, direction: str = "", scale: float = 0.0
) -> Imported:
    """Import a difficulty column of another tool as scores in [0, 1].

    A value "k/n" is k correct of n attempts, so a higher one is easier whatever the column is called. A value outside
    [0, 1] is a drop.

    Args:
        lake: where the scores are added.
        folder: of the files, or one file.
        column: the name of the column; `a.b` is field b of column a. A column that holds a value per model, as
            Skywork-OR1's `extra_info.model_difficulty` does, is read for `model`.
        model: whose difficulty it is.
        direction: whether a higher value is "easier" or "harder"; "" = as `COLUMNS` says.
        scale: by which values are divided; 0 = as `COLUMNS` says, else 1.

    Returns:
        Counts of what was read, added and dropped.

    Raises:
        ConfigError: a column of unknown direction, or no file; nothing was added.
    """
    towards, divisor = known_column(column)
    run, report, matcher = content_id("import", time.time_ns(), column), Imported(), Matcher(lake)
    rows, drops, before = list[dict[str, Any]](), list[dict[str, Any]](), _stored(lake)
    if (direction or towards) not in ("easier", "harder"):
        _check_direction(folder, column, model, direction, scale or divisor)
    for path, line, row in read_rows(folder):
        report.rows += 1
        problem = matcher.problem(row, ("prompt", "problem", "question", "messages"))
        cell = _read_cell(row, column, model)
        share = _read_share(row, cell, scale or divisor)
        if problem is None or share is None:
            reason = "unmatched" if problem is None else "no_value"
            report.dropped[reason] += 1
            detail = f"{column}: {cell!r}"[:200]
            drops.append(drop_row(Drop("import", reason, problem or "", detail, model, path.name, line), run))
            continue
        rows.append(_score(problem, column, share, model, direction or ("easier" if "/" in str(cell) else towards)))
        if len(rows) + len(drops) >= WAVE:
            lake.append({"scores": rows, "drops": drops}, run=run)
            rows, drops = [], []
    lake.append({"scores": rows, "drops": drops}, run=run)
    report.added = _stored(lake) - before
    return report


def _stored(lake: Lake) -> int:
    return int(lake.rows("SELECT count(*) AS n FROM scores")[0]["n"])


def _check_direction(folder: Path, column: str, model: str, direction: str, divisor: float) -> None:
    """Refuse a column whose direction nobody named, unless all its values are counts "k/n"."""
    for _, _, row in read_rows(folder):
        cell = _read_cell(row, column, model)
        if (direction or "/" not in str(cell)) and _read_share(row, cell, divisor) is not None:
            raise ConfigError(
                f"set --direction to easier or harder: what does a larger {column!r} mean? Columns known by name: "
                f"{', '.join(COLUMNS)}"
            )


def known_column(column: str) -> tuple[str, float]:
    """Return what a higher value of a published column means, "" where it is not known, and by what to divide it.

    >>> known_column("Qwen/Qwen3-4B_avg_reward"), known_column("mine")
    (('easier', 1.0), ('', 1.0))
    """
    forms = (meaning for form, meaning in FORMS if form.fullmatch(column))
    return COLUMNS.get(column) or next(forms, ("", 1.0))


def _read_cell(row: Mapping[str, Any], column: str, model: str) -> Any:
    """Return the value of a column, of a field of one, or of a model's entry there."""
    cell: Any = row.get(column)
    if cell is None and "." in column:
        cell = row
        for step in column.split("."):
            cell = cell.get(step) if isinstance(cell, Mapping) else None
    return cell.get(model) if isinstance(cell, Mapping) else cell


def _read_share(row: Mapping[str, Any], cell: Any, divisor: float) -> tuple[float, int, int] | None:
    """Return (value in [0, 1], correct, attempts); None where the cell is empty, no number, or outside [0, 1]."""
    if isinstance(cell, str) and (match := COUNTED.fullmatch(cell)):
        correct, total = int(match[1]), int(match[2])
        return (correct / total, correct, total) if 0 < total >= correct else None
    value = to_number(cell)
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
