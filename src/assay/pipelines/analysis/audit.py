"""How far a verifier can be trusted, by a person's marks on a sample of its verdicts.

`write_sheet` writes the sample as a CSV, `read_sheet` turns the marks into soundness and completeness of each verifier,
and `corrected_rates` into the pass rates behind the observed ones and what resampling can reach.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from assay.core.errors import ConfigError
from assay.core.identity import content_id
from assay.maths.beta.audit import MarkedSample, audit, corrected_rate
from assay.maths.beta.two_betas import fit_rate_prior
from assay.maths.beta.verifier_error import MOST_SAMPLES, corrected_posterior, resampling
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import read_cleaned_problems
from assay.pipelines.data.verifier_errors import to_sample
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.stages.regrade import PRESENT, present_parameters

SHEET = ("verdict", "right", "gold", "extracted", "question", "answer")
TAIL = 2_000  # characters of an answer that a person reads
YES, NO = ("y", "yes", "1", "true", "right"), ("n", "no", "0", "false", "wrong")
UNSURE = "unsure"  # takes back an earlier mark of the same answer; it counts as none
JUDGED = f"""
SELECT v.id, v.verifier, v.version, v.rollout_id, v.label_id, v.extracted, v.counts = 'correct' AS accepted,
       v.problem_id
FROM judged_attempts(?) v
JOIN ({PRESENT}) w ON w.label_id = v.label_id AND w.verifier = v.verifier AND w.version = v.version
WHERE v.counts IN ('correct', 'wrong', 'unparsable')
QUALIFY row_number() OVER (PARTITION BY v.id) = 1 ORDER BY v.id
"""


def write_sheet(context: RunContext, path: Path, size: int, seed: int = 0) -> dict[str, int]:
    """Write a CSV of accepted and rejected answers of each verifier, mixed, without the verifier's own opinion.

    Args:
        context: the run.
        path: where the sheet is written; no file may be there.
        size: at most so many accepted and so many rejected answers of each verifier.
        seed: the same answers are drawn for the same seed.

    Returns:
        {accepted, rejected}: how many answers of either kind are on the sheet.

    Raises:
        ConfigError: nothing is judged yet, or the sheet exists already.
    """
    if path.exists():
        raise ConfigError(f"{path} already exists; choose another file, or read this sheet with --marked {path}")
    verdicts, problems, labels = _read_verdicts(context)
    sheet_rows = [
        row
        for accepted in (True, False)
        for row in _draw_rows([verdict for verdict in verdicts if verdict["accepted"] is accepted], size, seed)
    ]
    sheet_rows.sort(key=lambda row: content_id("audit-order", seed, row["id"]))
    texts = {row["id"]: row["text"] for row in _read_texts(context, [row["rollout_id"] for row in sheet_rows])}
    with path.open("w", encoding="utf-8", newline="") as file:
        sheet = csv.DictWriter(file, SHEET)
        sheet.writeheader()
        for row in sheet_rows:
            columns = {
                "gold": labels[row["problem_id"]].answer,
                "extracted": row["extracted"],
                "question": problems[row["problem_id"]].text,
            }
            sheet.writerow({"verdict": row["id"], "right": "", **columns, "answer": texts[row["rollout_id"]][-TAIL:]})
    return {
        "accepted": sum(row["accepted"] for row in sheet_rows),
        "rejected": sum(not row["accepted"] for row in sheet_rows),
    }


def read_sheet(context: RunContext, path: Path) -> list[dict[str, Any]]:
    """Store one row of `verifier_audits` per verifier on the sheet; answers that nobody marked are left out.

    The marks of `curate view` are such a sheet: of several marks of one answer the last counts.

    Where a verifier judged several sources, each of which has marks on both sides, there is a row for each of them too.

    Args:
        context: the run.
        path: a sheet of `write_sheet`, with yes or no in its column `right`.

    Returns:
        The rows that were stored.

    Raises:
        ConfigError: no such sheet, an unknown verdict, a mark that is neither yes nor no, nothing marked.
    """
    marks = _read_marks(path)
    verdict_rows, problems, _ = _read_verdicts(context)
    verdicts = {row["id"]: row for row in verdict_rows}
    if strange := [id_ for id_ in marks if id_ not in verdicts]:
        raise ConfigError(
            f"{path}: verdict {strange[0]!r} is not among the {len(verdicts)} current ones "
            "(graded again since, or from another config)"
        )
    kinds = sorted({(verdicts[id_]["verifier"], verdicts[id_]["version"]) for id_ in marks})
    rows = [_audit_row(verdict_rows, marks, *kind, context.read_otherwise) for kind in kinds]
    rows += _rows_by_source(verdict_rows, problems, marks, kinds, context.read_otherwise)
    context.lake.append({"verifier_audits": rows}, run=context.run)
    return rows


def corrected_rates(
    context: RunContext, audits: Sequence[dict[str, Any]], *, cost: float = 1.0
) -> list[dict[str, Any]]:
    """Correct the pass rates of each source for the errors of its verifiers, and say what resampling can reach.

    Args:
        context: the run.
        audits: rows of `read_sheet`.
        cost: of accepting a wrong answer, where a right one is worth 1.

    Returns:
        One row per source and verifier: the observed share of accepted answers of n, and the pass rate behind it with
        its 95% interval; `corrected` is None where the verifier is no better than chance. `ceiling` is the share of
        right answers among those accepted after any number of samples, `best_k` the number of samples per problem at
        which right answers less `cost` x wrong ones are most, `right` and `false` what these
        bring; `most_k` is the largest number looked at.
    """
    verdicts, problems, _ = _read_verdicts(context)
    rows = []
    for verifier_audit in (row for row in audits if not row.get("source")):
        own_verdicts = [row for row in verdicts if _is_kind(row, verifier_audit)]
        for source in sorted({problems[row["problem_id"]].source for row in own_verdicts}):
            own = [row for row in audits if row.get("source") == source and _is_kind(row, verifier_audit)]
            sample = to_sample((own or [verifier_audit])[0])
            answers = [row for row in own_verdicts if problems[row["problem_id"]].source == source]
            is_accepted = [row["accepted"] for row in answers]
            observation = {
                "source": source,
                "verifier": verifier_audit["verifier"],
                "n": len(is_accepted),
                "observed": sum(is_accepted) / len(is_accepted),
            }
            rates = _correct_rate(sum(is_accepted), len(is_accepted), sample)
            rows.append({**observation, **rates, **_resample(answers, sample, cost)})
    return rows


def _is_kind(row: dict[str, Any], verifier_audit: dict[str, Any]) -> bool:
    return (row["verifier"], row["version"]) == (verifier_audit["verifier"], verifier_audit["version"])


def _resample(answers: Sequence[dict[str, Any]], sample: MarkedSample, cost: float) -> dict[str, float | int | None]:
    """Compute what sampling until the verifier accepts can reach on these problems, by their corrected posteriors."""
    soundness, completeness = sample.point()
    if soundness + completeness <= 1:
        return dict.fromkeys(("ceiling", "best_k", "right", "false", "most_k"))
    ids = sorted({row["problem_id"] for row in answers})
    place = {id_: row for row, id_ in enumerate(ids)}
    counts = np.zeros((2, len(ids)), dtype=np.int64)
    for row in answers:
        counts[0 if row["accepted"] else 1, place[row["problem_id"]]] += 1
    n_accepted, n_rejected = counts
    prior = fit_rate_prior(n_accepted, n_rejected)
    posterior = corrected_posterior(n_accepted, n_rejected, prior, sample, of_verdicts=True)
    return {
        **resampling(posterior.points, posterior.weights.mean(axis=0), soundness, completeness, cost)._asdict(),
        "most_k": MOST_SAMPLES,
    }


def _rows_by_source(
    verdicts: Sequence[dict[str, Any]],
    problems: Mapping[str, Any],
    marks: dict[str, bool],
    kinds: Sequence[tuple[str, str]],
    mode: list[str],
) -> list[dict[str, Any]]:
    """Build the rows of verifiers that judged several sources, for every source with marks on both sides."""
    rows = []
    for kind in kinds:
        by_source: dict[str, list[dict[str, Any]]] = {}
        for row in verdicts:
            if (row["verifier"], row["version"]) == kind:
                by_source.setdefault(problems[row["problem_id"]].source, []).append(row)
        for source, own_verdicts in sorted(by_source.items()) if len(by_source) > 1 else ():
            if {row["accepted"] for row in own_verdicts if row["id"] in marks} == {True, False}:
                rows.append(_audit_row(own_verdicts, marks, *kind, mode, source=source))
    return rows


def _correct_rate(correct: int, n: int, sample: MarkedSample) -> dict[str, float | None]:
    try:
        rate = corrected_rate(correct, n - correct, *sample)
    except ValueError:  # soundness + completeness <= 1
        return {"corrected": None, "low": 0.0, "high": 1.0}
    return {"corrected": rate.value, "low": rate.low, "high": rate.high}


def _read_verdicts(context: RunContext) -> tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any]]:
    problems, labels = read_cleaned_problems(context, run_stages(context, "clean", only=True))
    verdicts = context.lake.rows(JUDGED, [context.mode, *present_parameters(context, labels.values())])
    if not verdicts:
        raise ConfigError(
            "there are no verdicts by the current labels and verifiers: run `curate score CONFIG` or `curate regrade "
            "CONFIG` first"
        )
    return verdicts, problems, labels


def _draw_rows(rows: list[dict[str, Any]], size: int, seed: int) -> list[dict[str, Any]]:
    """Draw at most `size` rows of each verifier, the same ones for the same seed."""
    drawn_rows = []
    for kind in sorted({(row["verifier"], row["version"]) for row in rows}):
        own_verdicts = [row for row in rows if (row["verifier"], row["version"]) == kind]
        drawn_rows += sorted(own_verdicts, key=lambda row: content_id("audit", seed, row["id"]))[:size]
    return drawn_rows


def _read_texts(context: RunContext, ids: list[str]) -> list[dict[str, Any]]:
    return context.lake.rows("SELECT id, text FROM completions WHERE id IN (SELECT unnest(?::VARCHAR[]))", [ids])


def _read_marks(path: Path) -> dict[str, bool]:
    if not path.is_file():
        raise ConfigError(f"no sheet at {path}; write one with `curate audit CONFIG --sheet {path}`")
    marks: dict[str, bool] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), 2):
            mark = (row.get("right") or "").strip().lower()
            if mark and mark not in (*YES, *NO, UNSURE):
                raise ConfigError(f"{path}, row {number}: right must be yes or no, found {mark!r}")
            if mark == UNSURE:
                marks.pop(row.get("verdict") or "", None)
            elif mark:
                marks[row.get("verdict") or ""] = mark in YES
    if not marks:
        raise ConfigError(f"{path}: no row is marked; write yes or no into the column 'right'")
    return marks


def _audit_row(
    verdicts: Sequence[dict[str, Any]],
    marks: dict[str, bool],
    verifier: str,
    version: str,
    mode: list[str],
    *,
    source: str = "",
) -> dict[str, Any]:
    own_verdicts = [row for row in verdicts if (row["verifier"], row["version"]) == (verifier, version)]
    n_accepted = sum(row["accepted"] for row in own_verdicts)
    sides = {
        side: [marks[row["id"]] for row in own_verdicts if row["id"] in marks and row["accepted"] is side]
        for side in (True, False)
    }
    counts = {side: (sum(rights), len(rights) - sum(rights)) for side, rights in sides.items()}
    if not 0 < n_accepted < len(own_verdicts) or not sides[True] or not sides[False]:
        raise ConfigError(
            f"verifier {verifier!r}: {len(sides[True])} accepted and {len(sides[False])} rejected answers are marked, "
            f"of {n_accepted} and {len(own_verdicts) - n_accepted}; both sides are needed"
        )
    estimates = audit(counts[True], counts[False], n_accepted / len(own_verdicts))
    row: dict[str, Any] = {
        "verifier": verifier,
        "version": version,
        "accepted": n_accepted,
        "rejected": len(own_verdicts) - n_accepted,
    }
    row |= {"mode": mode[0]} if mode else {}  # null = strict
    row |= {"source": source} if source else {}  # null = all
    for name, side in (("accepted", True), ("rejected", False)):
        row[f"{name}_right"], row[f"{name}_wrong"] = counts[side]
    for name, estimate in (("soundness", estimates.soundness), ("completeness", estimates.completeness)):
        row |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return {"id": content_id("verifier-audit", row, sorted(marks.items())), **row}
