"""Read what synthesis stored as rows to train on and to export: targets, pairs, and steps with their values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assay.core.errors import ConfigError
from assay.core.export_rows import ChatTurn
from assay.core.identity import content_id
from assay.core.training_rows import PairRow, StepsRow, TargetRow
from assay.core.types import Problem
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import problems_by_id, side_ids

VIEWS = {"targets": "target_texts", "pairs": "pair_texts", "step_labels": "step_labels"}
ROWS = "SELECT * FROM {view} WHERE synthesis_id = ? ORDER BY problem_id, id"


IMPORTED = "imported"  # in the place of a method, where steps and their labels came from a file


def imported_synthesis_id(policy: str) -> str:
    """Return the synthesis_id of the steps that were imported as a policy's."""
    return content_id("imported steps", policy)


@dataclass(frozen=True, slots=True)
class Synthesis:
    """One synthesis whose rows the lake holds."""

    table: str  # targets, pairs or step_labels
    method: str
    id: str  # synthesis_id


def read_rows(context: RunContext, inputs: StageResults, synthesis: Synthesis) -> list[Any]:
    """Read the rows of a synthesis as TargetRow, PairRow or StepsRow, in the order of their problems.

    Args:
        context: the run.
        inputs: with `split`.
        synthesis: whose table says which rows.

    Raises:
        ConfigError: a row is of a held-out problem, or the attempt whose text it has is lost.
    """
    return _read(context, inputs, synthesis, ROW_OF[synthesis.table])


def _read(
    context: RunContext,
    inputs: StageResults,
    synthesis: Synthesis,
    row_of: Callable[[Mapping[str, Any], tuple[ChatTurn, ...]], Any],
) -> list[Any]:
    rows = context.lake.rows(ROWS.format(view=VIEWS[synthesis.table]), [synthesis.id])
    held_out = set(side_ids(context, inputs, "held_out"))
    if synthesis.method == IMPORTED:  # a file knows nothing of our split
        rows = [row for row in rows if row["problem_id"] not in held_out]
    _refuse_held_out(held_out, rows, synthesis)
    problems = problems_by_id(context, sorted({row["problem_id"] for row in rows if not row.get("messages")}))
    prompts = {id_: _prompt(context, problem) for id_, problem in problems.items()}
    return [row_of(row, _own_prompt(row) or prompts[row["problem_id"]]) for row in rows]


def _refuse_held_out(held_out: set[str], rows: Sequence[Mapping[str, Any]], synthesis: Synthesis) -> None:
    leaked = sorted({row["problem_id"] for row in rows} & held_out)
    if leaked:
        raise ConfigError(
            f"{synthesis.method} has {synthesis.table} of {len(leaked)} held-out problems, first {leaked[0]}: the split "
            "was different when they were made; run `curate synthesize` again"
        )


def _prompt(context: RunContext, problem: Problem) -> tuple[ChatTurn, ...]:
    return tuple(
        ChatTurn(role=turn.role, content=turn.content) for turn in context.config.train_sampler.render(problem)
    )


def _own_prompt(row: Mapping[str, Any]) -> tuple[ChatTurn, ...]:
    return tuple(ChatTurn(role=turn["role"], content=turn["content"]) for turn in row.get("messages") or ())


def _target_row(row: Mapping[str, Any], prompt: tuple[ChatTurn, ...]) -> TargetRow:
    return TargetRow(
        row["id"],
        row["problem_id"],
        prompt,
        _text(row, "completion"),
        prefix=row["prefix"] or "",
        masked=tuple((span["begin"], span["end"]) for span in row["masked"] or ()),
        weight=1.0 if row["weight"] is None else row["weight"],
        method=row["method"],
        origin=row["origin"] or "",
        confidence=1.0 if row["confidence"] is None else row["confidence"],
        verified=bool(row["verified"]),
        desirable=row["desirable"] is not False,
    )


def _pair_row(row: Mapping[str, Any], prompt: tuple[ChatTurn, ...]) -> PairRow:
    return PairRow(
        row["id"],
        row["problem_id"],
        prompt,
        _text(row, "chosen_text"),
        _text(row, "rejected_text"),
        prefix=row["prefix"] or "",
        margin=row["margin"],
        soft_label=1.0 if row["soft_label"] is None else row["soft_label"],
        method=row["method"],
        rule=row["rule"] or "",
        origin=row["origin"] or "",
        confidence=1.0 if row["confidence"] is None else row["confidence"],
        verified=bool(row["verified"]),
    )


def _steps_row(row: Mapping[str, Any], prompt: tuple[ChatTurn, ...]) -> StepsRow:
    return StepsRow(
        row["id"],
        row["problem_id"],
        prompt,
        tuple(step["text"] for step in row["steps"]),
        tuple(step["value"] for step in row["steps"]),
        correct=row["correct"],
        method=row["method"],
    )


def _text(row: Mapping[str, Any], name: str) -> str:
    if row[name] is None:
        raise ConfigError(
            f"row {row['id']} of {row['method']} has no {name.replace('_', ' ')}: its attempt is not in the "
            "lake; `curate lake fsck` reports what is lost"
        )
    return str(row[name])


ROW_OF: dict[str, Callable[[Mapping[str, Any], tuple[ChatTurn, ...]], Any]] = {
    "targets": _target_row,
    "pairs": _pair_row,
    "step_labels": _steps_row,
}
