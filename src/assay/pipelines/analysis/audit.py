"""A person's opinion on a sample of verdicts: out as a sheet, back as soundness and completeness, on to corrected pass rates."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assay.core.errors import ConfigError
from assay.core.identity import content_id
from assay.maths.beta.audit import audit, corrected_rate
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import cleaned
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.stages.regrade import PRESENT, present

SHEET = ("verdict", "right", "gold", "extracted", "question", "answer")
TAIL = 2_000  # characters of an answer that a person reads
YES, NO = ("y", "yes", "1", "true", "right"), ("n", "no", "0", "false", "wrong")
JUDGED = f"""
SELECT v.id, v.verifier, v.version, v.rollout_id, v.label_id, v.extracted, v.counts = 'correct' AS accepted, r.problem_id, r.policy, r.sampler
FROM (SELECT *, counted(outcome, lenient, ?) AS counts FROM verdicts) v JOIN rollouts r ON r.id = v.rollout_id
JOIN ({PRESENT}) w ON w.label_id = v.label_id AND w.verifier = v.verifier AND w.version = v.version
WHERE v.counts IN ('correct', 'wrong', 'unparsable') AND NOT r.guided ORDER BY v.id
"""


def write_sheet(context: RunContext, path: Path, size: int, seed: int = 0) -> dict[str, int]:
    """A CSV of at most `size` accepted and `size` rejected answers of each verifier, mixed, without the verifier's own opinion.

    Raises:
        ConfigError: nothing is judged yet, or the sheet exists already.
    """
    if path.exists():
        raise ConfigError(f"{path} exists; name another sheet, or read this one with --marked {path}")
    found, problems, labels = _judged(context)
    chosen = [
        row
        for accepted in (True, False)
        for row in _drawn([each for each in found if each["accepted"] is accepted], size, seed)
    ]
    chosen.sort(key=lambda row: content_id("audit-order", seed, row["id"]))
    texts = {row["id"]: row["text"] for row in _texts(context, [row["rollout_id"] for row in chosen])}
    with path.open("w", encoding="utf-8", newline="") as file:
        sheet = csv.DictWriter(file, SHEET)
        sheet.writeheader()
        for row in chosen:
            told = {
                "gold": labels[row["problem_id"]].answer,
                "extracted": row["extracted"],
                "question": problems[row["problem_id"]].text,
            }
            sheet.writerow({"verdict": row["id"], "right": "", **told, "answer": texts[row["rollout_id"]][-TAIL:]})
    return {"accepted": sum(row["accepted"] for row in chosen), "rejected": sum(not row["accepted"] for row in chosen)}


def read_sheet(context: RunContext, path: Path) -> list[dict[str, Any]]:
    """One row of `verifier_audits` for each verifier on the sheet, stored; rows that nobody marked are left out.

    Raises:
        ConfigError: no such sheet, an unknown verdict, a mark that is neither yes nor no, nothing marked.
    """
    marks = _marks(path)
    found = {row["id"]: row for row in _judged(context)[0]}
    if strange := [id_ for id_ in marks if id_ not in found]:
        raise ConfigError(
            f"{path}: verdict {strange[0]!r} is not among the {len(found)} present ones (regraded since, or another plan's)"
        )
    kinds = sorted({(found[id_]["verifier"], found[id_]["version"]) for id_ in marks})
    rows = [_row(list(found.values()), marks, *kind, context.read_otherwise) for kind in kinds]
    context.lake.append({"verifier_audits": rows}, run=context.run)
    return rows


def corrected_rates(context: RunContext, audits: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """By source and verifier: the observed share of accepted answers, and the pass rate behind it with its 95% interval."""
    found, problems, _ = _judged(context)
    rows = []
    for made in audits:
        mine = [row for row in found if (row["verifier"], row["version"]) == (made["verifier"], made["version"])]
        for source in sorted({problems[row["problem_id"]].source for row in mine}):
            accepted = [row["accepted"] for row in mine if problems[row["problem_id"]].source == source]
            seen = {
                "source": source,
                "verifier": made["verifier"],
                "n": len(accepted),
                "observed": sum(accepted) / len(accepted),
            }
            rows.append({**seen, **_behind(sum(accepted), len(accepted), made)})
    return rows


def _behind(correct: int, n: int, made: dict[str, Any]) -> dict[str, float | None]:
    sides = (made["accepted_right"], made["accepted_wrong"]), (made["rejected_right"], made["rejected_wrong"])
    try:
        found = corrected_rate(correct, n - correct, *sides, made["accepted"] / (made["accepted"] + made["rejected"]))
    except ValueError:  # soundness + completeness <= 1
        return {"corrected": None, "low": 0.0, "high": 1.0}
    return {"corrected": found.value, "low": found.low, "high": found.high}


def _judged(context: RunContext) -> tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any]]:
    problems, labels = cleaned(context, run_stages(context, "clean", only=True))
    found = context.lake.rows(JUDGED, [context.mode, *present(context, labels.values())])
    if not found:
        raise ConfigError(
            "no verdict of the present labels and verifiers: `curate score PLAN` or `curate regrade PLAN` first"
        )
    return found, problems, labels


def _drawn(rows: list[dict[str, Any]], size: int, seed: int) -> list[dict[str, Any]]:
    """At most `size` rows of each verifier, the same ones for the same seed."""
    kept = []
    for kind in sorted({(row["verifier"], row["version"]) for row in rows}):
        mine = [row for row in rows if (row["verifier"], row["version"]) == kind]
        kept += sorted(mine, key=lambda row: content_id("audit", seed, row["id"]))[:size]
    return kept


def _texts(context: RunContext, ids: list[str]) -> list[dict[str, Any]]:
    return context.lake.rows("SELECT id, text FROM completions WHERE id IN (SELECT unnest(?::VARCHAR[]))", [ids])


def _marks(path: Path) -> dict[str, bool]:
    if not path.is_file():
        raise ConfigError(f"no sheet at {path}; `curate audit PLAN --sheet {path}` writes one")
    marks: dict[str, bool] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), 2):
            mark = (row.get("right") or "").strip().lower()
            if mark and mark not in YES + NO:
                raise ConfigError(f"{path}, row {number}: right is {mark!r}, neither yes nor no")
            if mark:
                marks[row.get("verdict") or ""] = mark in YES
    if not marks:
        raise ConfigError(f"{path}: nothing is marked; write yes or no into the column 'right'")
    return marks


def _row(
    found: list[dict[str, Any]], marks: dict[str, bool], verifier: str, version: str, mode: list[str]
) -> dict[str, Any]:
    mine = [row for row in found if (row["verifier"], row["version"]) == (verifier, version)]
    accepted = sum(row["accepted"] for row in mine)
    sides = {
        side: [marks[row["id"]] for row in mine if row["id"] in marks and row["accepted"] is side]
        for side in (True, False)
    }
    counts = {side: (sum(each), len(each) - sum(each)) for side, each in sides.items()}
    if not 0 < accepted < len(mine) or not sides[True] or not sides[False]:
        told = f"{len(sides[True])} accepted and {len(sides[False])} rejected answers are marked, of {accepted} and {len(mine) - accepted}"
        raise ConfigError(f"verifier {verifier!r}: {told}; both sides are needed")
    made = audit(counts[True], counts[False], accepted / len(mine))
    row: dict[str, Any] = {
        "verifier": verifier,
        "version": version,
        "accepted": accepted,
        "rejected": len(mine) - accepted,
    }
    row |= {"mode": mode[0]} if mode else {}  # null = strict
    for name, side in (("accepted", True), ("rejected", False)):
        row[f"{name}_right"], row[f"{name}_wrong"] = counts[side]
    for name, estimate in (("soundness", made.soundness), ("completeness", made.completeness)):
        row |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return {"id": content_id("verifier-audit", row, sorted(marks.items())), **row}
