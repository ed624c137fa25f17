"""What an export writes besides its rows: kept fields as columns, the reward and its settings, files of rewards."""

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from assay.core.errors import ConfigError
from assay.core.export_rows import ExportRow, Row
from assay.core.parts import build_part, find_file, is_outside
from assay.core.ports import AdaptiveCurriculum
from assay.core.secrets import find_secrets
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext, parse_json
from assay.pipelines.data.pool import queries_of, scored_pool
from assay.pipelines.stages.order import curriculum_needs, read_selected_ids

FREE_FORM = ("extra_info", "info")  # of the exports whose rows have a place for what is not the trainer's own


def plan_columns(sources: Iterable[ExportRow], columns: Sequence[str]) -> dict[str, bool]:
    """Return by kept field whether it becomes a column as it is; values of several types become JSON texts.

    Args:
        sources: all rows of the export.
        columns: names of fields.

    Raises:
        ConfigError: no row keeps a field of this name.
    """
    if not columns:
        return {}
    kinds: dict[str, set[type]] = {name: set() for name in columns}
    field_names, first, count = set[str](), dict[str, Any](), 0
    for count, source in enumerate(sources, 1):
        fields = parse_json(source.metadata)
        first = first if count > 1 else fields
        field_names.update(fields)
        for name in columns:
            if (value := fields.get(name)) is not None:
                kinds[name].add(type(value))
    for name in columns:
        if count and not kinds[name]:
            names_text = ", ".join(sorted(field_names)) or "none"
            raise ConfigError(
                f"export.columns names {name!r}, which no source keeps (metadata_fields); kept fields: {names_text}"
            )
    return {name: len(kinds[name]) == 1 and not isinstance(first.get(name), dict) for name in columns}


def add_columns(rows: Sequence[Row], sources: Sequence[ExportRow], plan: Mapping[str, bool]) -> list[Row]:
    """Return the rows with kept fields as columns.

    They go where a trainer passes them on: into `extra_info` or `info` where there is one, else beside the other
    columns.

    Args:
        rows: of the export.
        sources: what each was made of.
        plan: what `plan_columns` returns.

    Raises:
        ConfigError: the export has a column of this name already.
    """
    if not plan:
        return list(rows)
    column_rows: list[Row] = []
    for source in sources:
        fields = parse_json(source.metadata)
        values = {name: fields.get(name) for name in plan}
        column_rows.append(
            {
                name: value if plan[name] or value is None else json.dumps(value, ensure_ascii=False)
                for name, value in values.items()
            }
        )
    return [_merge(row, extra) for row, extra in zip(rows, column_rows, strict=True)]


def _merge(row: Row, extra: Row) -> Row:
    place = next((name for name in FREE_FORM if isinstance(row.get(name), dict)), None)
    target = row[place] if place else row
    if duplicates := sorted(set(target) & set(extra)):
        raise ConfigError(f"export.columns names {duplicates[0]!r}, which the export already has")
    return {**row, place: {**target, **extra}} if place else {**row, **extra}


def check_outside_files(context: RunContext, part: Any, verifiers: Iterable[str]) -> None:
    """Check that the files of rewards from outside can lie beside an export's own, before anything is written.

    Raises:
        ConfigError: one has the name of a file of the export, or would lie outside the export's folder; or a key
            stands in the settings as it is.
    """
    own = [Path(name) for name in getattr(part, "files", lambda name: {})(context.config.name)]
    folders = [name.parent for name in own if name.name == "reward.py"]
    if folders and (secrets := find_secrets(context.config.grade.model_dump(mode="json"), "grade")):
        raise ConfigError(
            f"{', '.join(secrets)}: these keys stand in the config as plain text and would be exported with the "
            "reward; write 'env:NAME' in its "
            "place, and set the environment variable NAME"
        )
    for verifier, place in _outside_files(verifiers).items() if folders else ():
        if ".." in Path(place).parts:
            raise ConfigError(
                f"verifier {verifier!r} is above the config's folder, so it cannot be copied into the export: "
                "move the file into the config's folder"
            )
        if any(folder / place in own for folder in folders):
            raise ConfigError(
                f"verifier {verifier!r} is in a file with the name of one of the export's own files, "
                f"{', '.join(sorted(map(str, own)))}: rename the file"
            )


def write_reward_files(context: RunContext, part: Any, folder: Path, verifiers: Sequence[str]) -> None:
    """Write an export's further files, the settings of its reward, and the files of rewards from outside."""
    versions = {name: context.judge.version(name) for name in verifiers}
    files: dict[str, str] = dict(getattr(part, "files", lambda name: {})(context.config.name))
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    for name in files:
        if Path(name).name == "reward.py":
            _write_settings(context, (folder / name).parent, versions)


def write_curriculum(context: RunContext, results: StageResults, part: Any, folder: Path) -> None:
    """Write the state from which an online curriculum begins in the trainer, where curriculum and trainer have one.

    Raises:
        ConfigError: the curriculum needs vectors, which do not travel.
    """
    config, files = context.config.order, getattr(part, "sampler_files", {})
    curriculum = build_part("curriculum", config.curriculum, config.settings)
    if not files or not isinstance(curriculum, AdaptiveCurriculum):
        return
    if "vectors" in curriculum.needs:
        raise ConfigError(f"curriculum {config.curriculum!r} needs vectors, which exports do not contain")
    kept = read_selected_ids(context, results.rows_of("select"))
    pool, _ = scored_pool(context, results, curriculum_needs(curriculum, config), kept, queries_of(curriculum))
    content = {
        "curriculum": config.curriculum,
        "settings": config.settings,
        "seed": config.seed,
        **({"quotas": config.quotas} if config.quotas else {}),
        "ids": list(pool.ids),
        "columns": {name: values.tolist() for name, values in pool.columns.items()},
        "cluster": None if pool.cluster is None else pool.cluster.tolist(),
    }
    (folder / "curriculum.json").write_text(json.dumps(content) + "\n", encoding="utf-8")
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


def _write_settings(context: RunContext, folder: Path, versions: dict[str, str]) -> None:
    settings = {"grade": context.config.grade.model_dump(mode="json"), "versions": versions}
    (folder / "reward.json").write_text(json.dumps(settings, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for place in _outside_files(versions).values():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(find_file(place), folder / place)


def _outside_files(verifiers: Iterable[str]) -> dict[str, str]:
    """Return the relative paths of the files in which verifiers from outside live, by verifier."""
    places = {name: name.partition(":")[2].rpartition(":")[0] for name in verifiers if is_outside(name)}
    return {name: place for name, place in places.items() if place.endswith(".py") and not Path(place).is_absolute()}
