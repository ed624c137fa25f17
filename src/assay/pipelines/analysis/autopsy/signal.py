"""What the tokens went into: groups by what their rewards taught, and answers that the cap cut."""

import numpy as np

from assay.maths.rl.ratio_bootstrap import ratio_intervals
from assay.pipelines.analysis.autopsy.groups import LogFacts
from assay.pipelines.analysis.autopsy.table import Finding, known_interval
from assay.stores.rollout_log import RolloutLog

MEANING = {
    "dead": "no answer earned more than another, and not all are right",
    "solved": "every answer is right",
    "shaped": "all right or all wrong, but rewards differ: the gradient is of another term than correctness",
    "mixed": "right and wrong answers: what there is to learn from",
    "single": "one answer: nothing to compare it with",
    "unrated": "no reward was recorded",
}
WEIGHTS = ", ".join(f"coalesce(sum(weight) FILTER (kind = '{kind}'), 0) AS {kind}" for kind in MEANING)


def signal_findings(log: RolloutLog, facts: LogFacts) -> list[Finding]:
    """Return the share of the tokens that went into each kind of group, and into both kinds without signal."""
    per_problem = log.columns(f"SELECT {WEIGHTS}, sum(weight) AS total FROM groups GROUP BY problem ORDER BY problem")
    counts = {row["kind"]: int(row["n"]) for row in log.rows("SELECT kind, count(*) AS n FROM groups GROUP BY kind")}
    kinds = [kind for kind in MEANING if counts.get(kind)]
    parts = [per_problem["dead"] + per_problem["solved"], *(per_problem[kind] for kind in kinds)]
    intervals = ratio_intervals(np.stack(parts, 1), np.stack([per_problem["total"]] * len(parts), 1))
    total = sum(counts.values())
    lines = [("without signal", counts.get("dead", 0) + counts.get("solved", 0), "dead or solved groups")]
    lines += [(kind, counts[kind], MEANING[kind]) for kind in kinds]
    return [
        Finding("tokens", name, *known_interval(interval), count, total, "groups", note=note)
        for (name, count, note), interval in zip(lines, intervals, strict=True)
        if name != "without signal" or facts.group_size > 1
    ]


def cut_findings(log: RolloutLog, facts: LogFacts) -> list[Finding]:
    """Return the share of answers that the cap cut, of failures that are cuts, and of dead groups that are all cut."""
    if not facts.cuts:
        why = "the log says neither why answers ended nor how many tokens they have"
        if facts.unit == "tokens":
            why = "the log does not say why answers ended, and no length stands out as a cap"
        return [Finding("answers", "truncated by the cap", None, note=why)]
    rows = log.columns("""
        SELECT sum(cut) AS cut, sum(n) AS n, sum(cut_wrong) AS cut_wrong, sum(n - c) AS wrong,
               count(*) FILTER (kind = 'dead' AND cut = n) AS all_cut, count(*) FILTER (kind = 'dead') AS dead,
               count(*) FILTER (kind IN ('dead', 'mixed') AND cut_wrong > 0 AND cut_wrong = n - c) AS only_cut,
               count(*) FILTER (kind IN ('dead', 'mixed')) AS failing
        FROM groups GROUP BY problem ORDER BY problem""")
    lines = (
        ("truncated by the cap", "cut", "n", "answers"),
        ("failures that are truncated answers", "cut_wrong", "wrong", "answers"),
        ("dead groups with only truncated answers", "all_cut", "dead", "groups"),
        ("groups in which every failure was truncated", "only_cut", "failing", "groups"),
    )
    intervals = ratio_intervals(
        np.stack([rows[part] for _, part, _, _ in lines], 1), np.stack([rows[whole] for _, _, whole, _ in lines], 1)
    )
    note = "" if facts.cuts == "logged" else "inferred: many answers have exactly the largest number of tokens"
    return [
        Finding(
            "answers",
            name,
            *known_interval(interval),
            int(rows[part].sum()),
            int(rows[whole].sum()),
            unit,
            note=note if name == lines[0][0] else "",
        )
        for (name, part, whole, unit), interval in zip(lines, intervals, strict=True)
    ]
