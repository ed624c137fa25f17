"""Two policies on the train side of one config: what one gained on the other, problem by problem."""

from typing import Any

import numpy as np

from assay.core.errors import ConfigError
from assay.core.types import Counts
from assay.maths.beta.paired_rates import compare_rates
from assay.maths.rl.evaluation import count_moves, paired_difference
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import read_side
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.sampling.respondents import count_stored, find_respondent

SURE = 0.95  # the chance from which on a problem counts as better or worse
SHOWN = 10  # problems of either kind in `moved`


def compare_policies(
    context: RunContext, before: str, after: str = "", *, band: tuple[float, float] = (0.1, 0.9)
) -> dict[str, Any]:
    """Compare the stored attempts of two policies on the problems that both attempted; nothing is generated.

    Args:
        context: the run.
        before: name or revision of the first policy.
        after: of the second; "" = the config's own.
        band: pass rates between which a problem is on a policy's frontier.

    Returns:
        {before and after: [revision, sampling config], problems, only_before and only_after: problems that one alone
        attempted, observed: mean difference of the plain rates with its interval, difference: the mean of the shrunk
        differences, better and worse: problems that are so with a chance of at least .95, frontier: {before, after,
        both, overlap (shared / all of both)}, moves: as of `count_moves`, moved: the problems that moved surest,
        rows: one per problem, ids ascending}.

    Raises:
        ConfigError: the lake has no attempt of a policy, or no problem that both attempted.
    """
    labels = read_side(context, run_stages(context, "split", only=True), "train")[1]
    after = after or context.policy.revision
    of_a, of_b = (count_stored(context, labels, policy) for policy in (before, after))
    counts = [{id_: _graded(context, row) for id_, row in table.items()} for table in (of_a, of_b)]
    first, second = ({id_: pair for id_, pair in table.items() if sum(pair)} for table in counts)
    ids = sorted(first.keys() & second.keys())
    if not ids:
        raise ConfigError(
            f"{before!r} attempted {len(first)} problems of this config and {after!r} {len(second)}, but none in "
            "common, "
            "so nothing can be compared"
        )
    table = [np.array([part[id_] for id_ in ids], dtype=np.int64) for part in (first, second)]
    rates = compare_rates(*table)
    columns = {
        name: getattr(rates, name).tolist() for name in ("before", "after", "difference", "low", "high", "chance")
    }
    rows = [dict(zip(("problem_id", *columns), row, strict=True)) for row in zip(ids, *columns.values(), strict=True)]
    for row in rows:
        row["counts"] = {"before": first[row["problem_id"]], "after": second[row["problem_id"]]}
    plain = (part[:, 0] / part.sum(axis=1) for part in table)
    return {
        "before": find_respondent(context, before),
        "after": find_respondent(context, after),
        "problems": len(ids),
        "only_before": len(first) - len(ids),
        "only_after": len(second) - len(ids),
        "observed": paired_difference(*plain),
        "difference": float(rates.difference.mean()),
        "better": int((rates.chance >= SURE).sum()),
        "worse": int((rates.chance <= 1 - SURE).sum()),
        "frontier": _overlap(rates.before, rates.after, band),
        "moves": count_moves(rates.before, rates.after, *band),
        "moved": _surest(rows),
        "rows": rows,
    }


def _graded(context: RunContext, counts: Counts) -> tuple[int, int]:
    """Return right and wrong attempts as the config's scorer counts them."""
    as_wrong = context.config.policy.truncated == "wrong"
    return counts.correct, counts.wrong + as_wrong * counts.truncated


def _overlap(before: Any, after: Any, band: tuple[float, float]) -> dict[str, float | int]:
    first, second = ((rates >= band[0]) & (rates <= band[1]) for rates in (before, after))
    n_both, n_either = int((first & second).sum()), int((first | second).sum())
    sizes = {"before": int(first.sum()), "after": int(second.sum()), "both": n_both}
    return {**sizes, "overlap": n_both / n_either if n_either else 1.0}


def _surest(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the problems that surely rose, then those that surely fell, the largest difference first."""
    rose = sorted(
        (row for row in rows if row["chance"] >= SURE), key=lambda row: (-row["difference"], row["problem_id"])
    )
    fell = sorted(
        (row for row in rows if row["chance"] <= 1 - SURE), key=lambda row: (row["difference"], row["problem_id"])
    )
    return [*rose[:SHOWN], *fell[:SHOWN]]
