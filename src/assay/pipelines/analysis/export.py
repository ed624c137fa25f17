"""The curriculum, joined with what was measured of it, in the form that another trainer reads."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from assay.core.errors import ConfigError
from assay.core.export_rows import ChatTurn, DatasetSummary, ExportRow
from assay.core.parts import build_part
from assay.core.types import Label, Problem, SamplingConfig
from assay.pipelines.analysis.export_files import (
    add_columns,
    check_outside_files,
    plan_columns,
    write_curriculum,
    write_reward_files,
)
from assay.pipelines.analysis.export_reading import CHOSEN, LEFT_OUT, ExportRows
from assay.pipelines.analysis.summary import list_drops, summarize_difficulty
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext, parse_json
from assay.pipelines.data.pictures import read_pictures
from assay.pipelines.runner.stages import run_stages
from assay.stores import query_results

ROWS = 10_000  # that are objects at a time
PICTURED_ROWS = 64  # the same, of rows with pictures


def export(
    context: RunContext, to: str, folder: Path, settings: dict[str, Any] | None = None, *, filtered: bool = False
) -> dict[str, Any]:
    """Write the config's curriculum in the form that another trainer reads, with its reward beside it.

    Args:
        context: the run.
        to: the name of the export, a part in exports/.
        folder: where the files are written; it is new or empty.
        settings: of the export, over those in `[export.settings]`.
        filtered: whether the problems that the selection dropped are written too, as a file of their own.

    Returns:
        {to, folder, rows, filtered: rows of that second file, files: all that was written, snippet: the code by which
        the trainer reads the data}.

    Raises:
        ConfigError: an unknown export, one whose trainer cannot express a verifier, a stage that is not done, or a
            folder that holds other files.
    """
    part = build_export(context, to, settings)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} already exists and is not empty; name a new folder with --out")
    results = run_stages(context, "order", only=True)
    curriculum_rows, dropped_rows = _read_rows(context, results)
    verifiers = curriculum_rows.verifiers
    if refusal := getattr(part, "refusal", lambda names: "")(verifiers):
        raise ConfigError(f"export {to!r}: {refusal}")
    check_outside_files(context, part, verifiers)
    shows_pictures = _shows_pictures(part, to, [curriculum_rows, dropped_rows] if filtered else [curriculum_rows])
    illustrate = partial(_with_pictures, context) if shows_pictures else None
    inner = data_folder(part, folder)
    inner.mkdir(parents=True, exist_ok=True)
    suffix = getattr(part, "suffix", "parquet")
    columns = context.config.export.columns
    has_filtered = filtered and bool(len(dropped_rows))
    write_rows(inner / f"train.{suffix}", part, curriculum_rows, columns, illustrate)
    if has_filtered:
        write_rows(inner / f"filtered.{suffix}", part, dropped_rows, columns, illustrate)
    write_reward_files(context, part, inner, verifiers)
    write_curriculum(context, results, part, inner)
    if hasattr(part, "card"):
        (folder / "README.md").write_text(
            part.card(curriculum_rows, dropped_rows if has_filtered else [], _summarize_export(context, results))
            + "\n",
            encoding="utf-8",
        )
    return {
        "to": to,
        "folder": str(folder),
        "rows": len(curriculum_rows),
        "filtered": len(dropped_rows) if has_filtered else 0,
        "files": sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()),
        "snippet": part.snippet(str(inner / f"train.{suffix}")),
    }


def build_export(context: RunContext, to: str, settings: dict[str, Any] | None = None) -> Any:
    """Build an export with the config's settings, over which those of a call go."""
    export_config = context.config.export
    return build_part("export", to, {**export_config.settings.get(to, {}), **(settings or {})})


def data_folder(part: Any, folder: Path) -> Path:
    """Return where an export's data lies: the folder, or the one below it that the export names."""
    return folder / getattr(part, "inner_folder", "")


def _read_rows(context: RunContext, results: StageResults) -> tuple[ExportRows, ExportRows]:
    """Return the curriculum's rows in order, and those of the problems that the selection dropped, ids ascending."""

    def row_of(
        problem: Problem, label: Label, score: dict[str, Any], place: int, lesson: int, weight: float, reason: str
    ) -> ExportRow:
        row = _export_row(context, problem, label, score, place, lesson, weight, reason)
        return replace(row, verifier_version=context.judge.version(label.verifier))

    return ExportRows(context, results, CHOSEN, row_of), ExportRows(context, results, LEFT_OUT, row_of)


def _export_row(
    context: RunContext,
    problem: Problem,
    label: Label,
    score: dict[str, Any],
    place: int,
    lesson: int,
    weight: float,
    reason: str,
) -> ExportRow:
    turns = context.config.policy.sampler.render(problem)
    counts = {name: score[f"n_{name}"] for name in ("correct", "wrong", "truncated", "error")}
    sampler, policy = context.config.policy.sampler, context.policy
    metadata = parse_json(problem.metadata)
    return ExportRow(
        problem.id,
        tuple(ChatTurn(role=turn.role, content=turn.content) for turn in turns),
        next((turn.content for turn in reversed(problem.messages) if turn.role == "user"), ""),
        label.answers[0],
        label.verifier,
        problem.source,
        place,
        lesson,
        weight,
        **counts,
        mean=score["value"],
        policy=policy.name,
        reason=reason,
        row_id=_row_id(metadata, context.config.export.row_id),
        messages=tuple(ChatTurn(role=turn.role, content=turn.content) for turn in problem.messages),
        metadata=problem.metadata,
        gold=label.answer,
        low=score.get("low"),
        high=score.get("high"),
        revision=policy.revision,
        sampler=sampler.id,
        temperature=sampler.temperature,
        max_tokens=sampler.max_tokens,
        template=sampler.template,
        media=problem.media,
    )


def _row_id(metadata: Any, name: str) -> str:
    value = metadata.get(name) if isinstance(metadata, dict) else None
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _summarize_export(context: RunContext, results: StageResults) -> DatasetSummary:
    histogram: dict[str, int] = {}
    for source in summarize_difficulty(context, results):
        for share, count in source["histogram"].items():
            histogram[share] = histogram.get(share, 0) + count
    sources = context.lake.rows(
        "SELECT source, max(json_extract_string(metadata, '$.license')) AS licence FROM problems "
        "GROUP BY source ORDER BY source"
    )
    judges = context.lake.rows(
        "SELECT DISTINCT verifier FROM scores WHERE scoring_id = ? ORDER BY verifier",
        [results.rows_of("score")],
    )
    return DatasetSummary(
        context.config.name,
        context.policy.name,
        context.policy.revision,
        tuple(row["verifier"] for row in judges),
        histogram,
        [(row["stage"], row["reason"], row["rows"]) for row in list_drops(context, results)],
        {row["source"]: row["licence"] or "" for row in sources},
        licence=context.config.export.licence,
        sampling=_sampling(context),
        benchmarks=_benchmarks(context),
        **_spent(context),
    )


def _sampling(context: RunContext) -> dict[str, Any]:
    """Return how the policy was asked: the settings that are not at their defaults, and those that always matter."""
    sampler = asdict(context.config.policy.sampler)
    default = asdict(SamplingConfig())
    always = ("temperature", "max_tokens", "template")
    return {name: value for name, value in sampler.items() if name in always or value != default[name]}


def _benchmarks(context: RunContext) -> list[str]:
    """Return the names of what the pool was decontaminated against."""
    clean = context.config.clean
    tables = clean.settings.get("contaminated", {}).get("against", ()) if "contaminated" in clean.filters else ()
    return [str(table.get("name") or table.get("path") or table.get("paths") or table.get("part")) for table in tables]


def _spent(context: RunContext) -> dict[str, int]:
    """Return the policy's stored attempts under its sampling settings, and their tokens."""
    return context.lake.rows(
        "SELECT count(*)::BIGINT AS attempts, coalesce(sum(tokens), 0)::BIGINT AS tokens FROM attempts "
        "WHERE policy = ? AND sampler = ? AND step IS NULL",
        [context.policy.revision, context.sampler.id],
    )[0]


def _shows_pictures(part: Any, to: str, rows: Sequence[ExportRows]) -> bool:
    """Return whether an export's problems show pictures.

    Raises:
        ConfigError: they do, and the export writes texts only.
    """
    shown = sum(some.pictured for some in rows)
    if shown and not getattr(part, "takes_pictures", False):
        raise ConfigError(
            f"{shown} problems show pictures, and the export {to!r} writes texts only; verl and trl carry pictures"
        )
    return bool(shown)


def _with_pictures(context: RunContext, row: ExportRow) -> ExportRow:
    return replace(row, pictures=read_pictures(context.lake, row.assay_id, row.media))


def write_rows(
    path: Path,
    part: Any,
    rows: Sequence[ExportRow],
    columns: Sequence[str],
    with_pictures: Callable[[ExportRow], ExportRow] | None = None,
) -> None:
    """Write the rows of an export in the form that the name's ending says: in parts, where no row depends on another.

    Args:
        path: of the file.
        part: the export.
        rows: the rows, which may be walked more than once.
        columns: kept fields that become columns.
        with_pictures: adds the pictures of a row, as it is written; None = no row shows any.

    Raises:
        ConfigError: an ending that no export has, or a column that no source keeps.
    """
    plan = plan_columns(rows, columns)
    most = PICTURED_ROWS if with_pictures else ROWS
    size = most if getattr(part, "row_wise", False) else sys.maxsize

    def parts() -> Iterator[list[dict[str, Any]]]:
        rows_left = map(with_pictures, rows) if with_pictures else iter(rows)
        while chunk := list(islice(rows_left, size)):
            yield add_columns(part.rows(chunk), chunk, plan)

    if path.suffix == ".jsonl":
        with path.open("w", encoding="utf-8") as file:
            for chunk in parts():
                file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in chunk)
    elif path.suffix == ".csv":
        tables = [pa.Table.from_pylist(chunk) for chunk in parts()] or [pa.table({})]
        path.write_bytes(query_results.encode_csv(pa.concat_tables(tables, promote_options="permissive")))
    elif path.suffix == ".parquet":
        query_results.write_parquet(path, (pa.Table.from_pylist(chunk) for chunk in parts()))
    else:
        raise ConfigError(f"an export is written as parquet, jsonl or csv, not {path.suffix!r}")
