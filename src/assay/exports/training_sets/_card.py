"""The card of a training set: what it holds, by which methods it was made, and how sure these are."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

from assay.core.training_rows import PairRow, StepsRow, TargetRow, TrainingSetSummary

FILE = "data/train.parquet"  # from the card
AnyRow = TargetRow | PairRow | StepsRow
TASKS = {
    "targets": ("text-generation", "answers to imitate"),
    "judged": ("text-generation", "answers to imitate and to avoid"),
    "pairs": ("text-generation", "preferences"),
    "step_labels": ("token-classification", "answers in steps with labels"),
}


def training_set_card(
    rows: Sequence[AnyRow], left_out: Mapping[str, int], summary: TrainingSetSummary, *, table: str
) -> str:
    """Return the text of README.md: front matter, and tables of counts.

    Args:
        rows: Those that were written.
        left_out: Rows that were not, by reason.
        summary: Where they come from.
        table: targets, judged (targets, of which some are to be avoided), pairs or step_labels.
    """
    task, description = TASKS[table]
    front = [
        "---",
        f"license: {summary.licence or 'other'}",
        f"task_categories:\n- {task}",
        f"size_categories:\n- {size_category(len(rows))}",
        f"configs:\n- config_name: default\n  data_files:\n  - split: train\n    path: {FILE}",
        "---",
    ]
    problems = len({row.problem_id for row in rows})
    per_problem = Counter(Counter(row.problem_id for row in rows).values())
    return "\n".join(
        [
            *front,
            f"\n# {summary.name}: {description} by {summary.method}\n",
            f"{len(rows)} rows of {problems} problems, made from stored attempts by the method `{summary.method}` "
            f"(synthesis `{summary.synthesis}`).",
            f"Attempts of {summary.policy} (revision `{summary.revision}`), judged by "
            f"{', '.join(summary.verifiers) or 'nobody'}.",
            *_table("Method", ("method", "rule", "written by", "verified", "rows"), _kinds(rows)),
            *_table("Rows per problem", ("rows", "problems"), sorted(per_problem.items())),
            *_table("Sources", ("source", "rows", "licence"), summary.sources),
            *_table("Left out", ("reason", "rows"), sorted(left_out.items())),
        ]
    )


def size_category(rows: int) -> str:
    """Return the hub's name of a size.

    >>> size_category(12), size_category(1000), size_category(2_000_000)
    ('n<1K', '1K<n<10K', '1M<n<10M')
    """
    if rows < 1000:
        return "n<1K"
    names, limit = ["1K", "10K", "100K", "1M", "10M", "100M", "1B"], 1000
    for low, high in pairwise(names):
        limit *= 10
        if rows < limit:
            return f"{low}<n<{high}"
    return "n>1B"


def _kinds(rows: Sequence[AnyRow]) -> list[tuple[object, ...]]:
    kinds = Counter(
        (
            row.method,
            getattr(row, "rule", "") or ("-" if getattr(row, "desirable", True) else "to avoid"),
            getattr(row, "origin", "") or "-",
            "yes" if getattr(row, "verified", True) else "no",
        )
        for row in rows
    )
    return [(*kind, count) for kind, count in sorted(kinds.items())]


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    lines = ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return [f"\n## {title}\n", "| " + " | ".join(columns) + " |", "|" + "---|" * len(columns), *lines]
