"""What synthesis stored, in the form that SFT, preference and process-reward trainers read, with a dataset card."""

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa

from assay.core.config import Config
from assay.core.errors import ConfigError
from assay.core.offline_config import OfflineConfig
from assay.core.parts import build_part
from assay.core.training_rows import TrainingSetSummary
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.training_rows import Synthesis, read_rows
from assay.pipelines.runner.stages import done_stages
from assay.pipelines.stages.stored_synthesis import choose_learnt_rows, find_synthesis
from assay.stores import query_results

SOURCES = """
SELECT source, max(json_extract_string(metadata, '$.license')) AS licence FROM problems
WHERE id IN (SELECT unnest(?::VARCHAR[])) GROUP BY source ORDER BY source
"""
SOURCE_OF = "SELECT id, source FROM problems WHERE id IN (SELECT unnest(?::VARCHAR[]))"


def export_training_set(
    context: RunContext, to: str, folder: Path, settings: dict[str, Any] | None = None, *, method: str = ""
) -> dict[str, Any]:
    """Write the rows of a synthesis as a training set: `data/train.parquet` and a dataset card.

    Args:
        context: the run.
        to: the name of the form, a part in exports/training_sets/.
        folder: where the files are written; it is new or empty.
        settings: of the form, over those in `[export.settings]`.
        method: of synthesis; "" = the one of `[sft]`, `[dpo]` or `[kto]`, else the only one that has such rows.

    Returns:
        {to, folder, method, rows, left_out: rows by reason, snippet: the code by which the trainer reads the data}.

    Raises:
        ConfigError: an unknown form, a stage or synthesis that is not done, no row that can be expressed, or a folder
            that holds other files.
    """
    part = build_part("training_set", to, {**context.config.export.settings.get(to, {}), **(settings or {})})
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} already exists and is not empty; name a new folder with --out")
    inputs = done_stages(context, "score", f"curate export --to {to}")
    config = _training_of(context.config, to, part.table)
    synthesis = find_synthesis(context, inputs, part.table, method or config.method)
    stored_rows: list[Any] = read_rows(context, inputs, synthesis)
    learnt_rows = stored_rows if part.table == "step_labels" else choose_learnt_rows(stored_rows, config)
    refusals = [part.left_out(row) for row in learnt_rows]
    left_out = Counter(reason for reason in refusals if reason)
    if len(learnt_rows) < len(stored_rows):
        left_out["not verified, or below min_confidence"] = len(stored_rows) - len(learnt_rows)
    rows = [row for row, reason in zip(learnt_rows, refusals, strict=True) if not reason]
    if not rows:
        reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
        raise ConfigError(f"none of {len(stored_rows)} {part.table} of {synthesis.method} can be written: {reasons}")
    data = folder / "data" / "train.parquet"
    data.parent.mkdir(parents=True, exist_ok=True)
    data.write_bytes(query_results.encode_parquet(pa.Table.from_pylist(part.rows(rows))))
    summary = _summary(context, inputs, synthesis, rows)
    (folder / "README.md").write_text(part.card(rows, left_out, summary) + "\n", encoding="utf-8")
    return {
        "to": to,
        "folder": str(folder),
        "method": synthesis.method,
        "rows": len(rows),
        "left_out": dict(left_out),
        "snippet": part.snippet(str(data)),
    }


def _training_of(config: Config, to: str, table: str) -> OfflineConfig:
    """Return the training's table of the config whose rows are exported."""
    if to == "kto":
        return config.kto
    tables: dict[str, OfflineConfig] = {"targets": config.sft, "pairs": config.dpo}
    return tables.get(table, OfflineConfig())


def _summary(context: RunContext, inputs: StageResults, synthesis: Synthesis, rows: list[Any]) -> TrainingSetSummary:
    ids = sorted({row.problem_id for row in rows})
    licences = {row["source"]: row["licence"] or "unknown" for row in context.lake.rows(SOURCES, [ids])}
    sources = {row["id"]: row["source"] for row in context.lake.rows(SOURCE_OF, [ids])}
    counts = Counter(sources.get(row.problem_id, "made by synthesis") for row in rows)
    judges = context.lake.rows(
        "SELECT DISTINCT verifier FROM scores WHERE scoring_id = ? ORDER BY verifier", [inputs.rows_of("score")]
    )
    return TrainingSetSummary(
        context.config.name,
        synthesis.method,
        synthesis.id,
        context.policy.name,
        context.policy.revision,
        tuple(row["verifier"] for row in judges),
        tuple((name, count, licences.get(name, "unknown")) for name, count in sorted(counts.items())),
        context.config.export.licence,
    )
