"""Rollouts of a config's pool with their verdicts: JSON lines, Parquet, or session traces for the hub's viewer."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from assay.core.errors import ConfigError, suggest_names
from assay.core.types import Label, Problem
from assay.pipelines.context.run import RunContext, parse_json
from assay.pipelines.data.problems import read_cleaned_problems
from assay.pipelines.runner.stages import run_stages
from assay.stores import query_results

FORMS = ("jsonl", "parquet", "traces")
CHUNK_ROWS = 20_000  # per Parquet file, and per query
ROLLOUTS = """
SELECT r.id AS rollout_id, r.problem_id AS assay_id, r.policy AS revision, r.policy_name AS policy, r.sampler, r.sample,
       r.seed,
       r.finish, r.tokens, r.prompt_tokens, r.engine, r.step, r."group", r.advantage, r.guided, c.text AS completion,
       v.outcome, v.reward, v.lenient, v.extracted, v.reason, v.verifier, v.version AS verifier_version
FROM {attempts} r JOIN completions c ON c.id = r.id
LEFT JOIN (SELECT * FROM verdicts WHERE label_id IN (SELECT unnest($labels::VARCHAR[]))
           AND verifier || '@' || version IN (SELECT unnest($versions::VARCHAR[]))) v ON v.rollout_id = r.id
WHERE r.problem_id IN (SELECT unnest($ids::VARCHAR[])) AND ($every OR (r.policy = $policy AND r.sampler = $sampler))
ORDER BY r.problem_id, r.policy, r.sampler, r.sample, r.id
"""


def export_rollouts(
    context: RunContext, form: str, folder: Path, *, every_policy: bool = False, limit: int = 0
) -> dict[str, Any]:
    """Write the rollouts of the config's cleaned problems, with their present verdicts.

    Args:
        context: the run.
        form: a name of `FORMS`. A trace is a file per rollout in the hub's session format, which its viewer shows.
        folder: where the files are written; it is new or empty.
        every_policy: whether rollouts of other policies and samplers are written too, training's among them.
        limit: rollouts at most; 0 = all.

    Returns:
        {folder, form, rollouts, judged: how many have a verdict, outcomes: counts of them}.

    Raises:
        ConfigError: an unknown form, a folder that holds other files, or nothing to write.
    """
    if form not in FORMS:
        raise ConfigError(f"unknown form {form!r}; {suggest_names(form, FORMS)}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} already exists and is not empty; name a new folder with --out")
    problems, labels = read_cleaned_problems(context, run_stages(context, "clean", only=True))
    rows = _read_rollouts(context, problems, labels, every_policy)
    folder.mkdir(parents=True, exist_ok=True)
    outcomes: dict[str, int] = {}
    n_written = n_judged = 0
    for number, chunk in enumerate(_chunks(rows, limit)):
        _write_chunk(form, folder, number, chunk)
        n_written += len(chunk)
        for row in chunk:
            n_judged += row["outcome"] is not None
            outcomes[row["outcome"] or "not judged"] = outcomes.get(row["outcome"] or "not judged", 0) + 1
    if not n_written:
        raise ConfigError(f"the lake holds no rollouts of {context.policy.name!r} for this config's problems")
    return {"folder": str(folder), "form": form, "rollouts": n_written, "judged": n_judged, "outcomes": outcomes}


def _read_rollouts(
    context: RunContext, problems: dict[str, Problem], labels: dict[str, Label], every_policy: bool
) -> Iterator[dict[str, Any]]:
    ids, sampler = list(problems), context.sampler
    label_ids, versions = context.counted_verdicts(labels)
    parameters = {
        "labels": label_ids,
        "versions": versions,
        "every": every_policy,
        "policy": context.policy.revision,
        "sampler": sampler.id,
        "ids": ids,
    }
    # an extended attempt counts under two samplers, and is one rollout
    query = ROLLOUTS.format(attempts="rollouts" if every_policy else "attempts")
    for row in context.lake.iterate_rows(query, parameters):
        problem = problems[row["assay_id"]]
        turns = (
            sampler.render(problem) if row["sampler"] == sampler.id and context.imported is None else problem.messages
        )
        yield {
            **row,
            "prompt": [turn._asdict() for turn in turns],
            "gold": labels[problem.id].answer,
            "source": problem.source,
            "metadata": problem.metadata,
            "row_id": _row_id(problem, context.config.export.row_id),
        }


def _row_id(problem: Problem, name: str) -> str:
    value = parse_json(problem.metadata).get(name)
    return "" if value is None else str(value)


def _chunks(rows: Iterator[dict[str, Any]], limit: int) -> Iterator[list[dict[str, Any]]]:
    chunk: list[dict[str, Any]] = []
    for number, row in enumerate(rows, 1):
        chunk.append(row)
        if len(chunk) == CHUNK_ROWS or number == limit:
            yield chunk
            chunk = []
        if number == limit:
            return
    if chunk:
        yield chunk


def _write_chunk(form: str, folder: Path, number: int, rows: Sequence[dict[str, Any]]) -> None:
    if form == "parquet":
        data = query_results.encode_parquet(pa.Table.from_pylist(list(rows)))
        (folder / f"rollouts-{number:05}.parquet").write_bytes(data)
    elif form == "jsonl":
        with (folder / "rollouts.jsonl").open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    else:
        for row in rows:
            lines = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in _trace(row))
            (folder / f"{row['rollout_id']}.jsonl").write_text(lines, encoding="utf-8")


def _trace(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a rollout as a session: a header with the verdict, and a line per turn."""
    verdict = {name: row[name] for name in ("outcome", "reward", "extracted", "verifier", "verifier_version", "gold")}
    columns = {name: row[name] for name in ("assay_id", "policy", "revision", "sampler", "sample", "finish", "tokens")}
    header = {
        "type": "session",
        "harness": "assay",
        "id": row["rollout_id"],
        "name": f"{row['source']} {row['outcome']}",
    }
    turns = [*row["prompt"], {"role": "assistant", "content": row["completion"]}]
    return [{**header, **columns, "verdict": verdict}, *({"type": "message", "message": turn} for turn in turns)]
