"""What a finished run lacks: it has nothing to train on, or lost a whole source; and the sentence that says why.

Such a run is no success, though none of its stages failed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assay.pipelines.context.first_attempts import REMEDIES
from assay.pipelines.context.results import StageKey, StageResult, StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.sampling.refusals import count_refused

DUPLICATES = ("duplicate", "near_duplicate", "semantic_duplicate")  # reasons of rows whose twin stays in the pool
REASONS_SHOWN = 3
LOST = """
SELECT m.pool, m.problem_id, any_value(d.reason) AS reason
FROM pool_members m LEFT JOIN (SELECT problem_id, reason FROM drops WHERE key = ?) d USING (problem_id)
WHERE m.pool IN (SELECT unnest(?::VARCHAR[])) GROUP BY m.pool, m.problem_id
"""
ATTEMPTED = """
SELECT coalesce(sum(n_correct), 0)::BIGINT AS correct, coalesce(sum(n_wrong), 0)::BIGINT AS wrong,
       coalesce(sum(n_truncated), 0)::BIGINT AS truncated, coalesce(sum(n_error), 0)::BIGINT AS error
FROM current_scores WHERE scoring_id = ?
"""
# Of the commonest reason for which cleaning dropped, what one row says.
EXAMPLE = """
SELECT detail FROM drops
WHERE key = $key AND detail <> '' AND reason = (SELECT mode(reason) FROM drops WHERE key = $key)
ORDER BY id LIMIT 1
"""
COUNTED = f"SELECT pool, coalesce(reason, '') AS reason, count(*)::BIGINT AS n FROM ({LOST}) GROUP BY ALL"


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What a finished run lacks: everything, or whole sources."""

    empty: str = ""  # why nothing is left to train on; "" = something is
    sources: tuple[str, ...] = ()  # a sentence per source of which no row is left

    def __bool__(self) -> bool:
        return bool(self.empty or self.sources)

    @property
    def sentence(self) -> str:
        """One line with the first cause."""
        return "; ".join([self.empty, *self.sources] if self.empty else self.sources)


def describe_shortfall(context: RunContext, results: StageResults) -> Shortfall:
    """Say what a run that went through all stages lacks.

    Args:
        context: the run.
        results: what its stages have come to.
    """
    left_something = "order" not in results or results.of("order").rows_out
    return Shortfall(
        "" if left_something else explain_empty(context, results), tuple(_find_lost_sources(context, results))
    )


def explain_empty(context: RunContext, results: StageResults) -> str:
    """Say why nothing is left after stages, by the first that left nothing; "" where each left something."""
    first = next((result for result in results if not _count_left(result)), None)
    if first is None:
        return ""
    why = _explain_attempts(context, results) if first.stage in ("score", "select") else ""
    if first.stage == "clean":
        example = context.lake.rows(EXAMPLE, {"key": first.key.rows})
        why = f", such as: {example[0]['detail']}" if example else ""
    return f"nothing to train on: {_explain_stage(first)}{why}"


def _count_left(result: StageResult) -> int:
    return result.rows_in - int(result.detail.get("held_out", 0)) if result.stage == "split" else result.rows_out


def _explain_attempts(context: RunContext, results: StageResults) -> str:
    """Say what came of the attempts where hardly any is evidence, with the remedy for the commonest cause."""
    row = context.lake.rows(ATTEMPTED, [results.rows_of("score")])[0]
    total, n_refused = sum(row.values()), count_refused(context, context.policy, context.config.policy.sampler)
    causes = Counter({"truncated": row["truncated"], "error": row["error"], "refused": n_refused})
    (worst, count), *_ = causes.most_common(1)
    if not count or row["correct"] + row["wrong"] > (1 - context.config.score.stop_early_fraction) * (
        total + n_refused
    ):
        return ""
    refusals = f", and the requests of {n_refused} problems were refused" if n_refused else ""
    return (
        f"; of {total} attempts {row['truncated']} were truncated at the cap and {row['error']} could not be "
        f"judged{refusals}: "
        f"{REMEDIES[worst]}"
    )


def _explain_stage(outcome: StageResult) -> str:
    many, reasons = outcome.rows_in, _format_reasons(outcome.detail.get("dropped", {}))
    match outcome.stage:
        case "ingest":
            return (
                f"none of the {many} rows of the sources is a problem{reasons}" if many else "the sources have no rows"
            )
        case "clean":
            return f"the filters of [clean] keep none of {many} problems{reasons}"
        case "split":
            return f"split.held_out takes all {many} problems"
        case "score":
            return f"none of {many} problems has an attempt that counts"
        case "select":
            return f"[select] keeps none of {many} problems{reasons}"
        case _:
            return f"the stage {outcome.stage!r} leaves none of {many} problems"


def _format_reasons(drop_counts: Mapping[str, int]) -> str:
    most = Counter({reason: count for reason, count in drop_counts.items() if count}).most_common(REASONS_SHOWN)
    return f" ({', '.join(f'{reason} {count}' for reason, count in most)})" if most else ""


def _find_lost_sources(context: RunContext, results: StageResults) -> list[str]:
    keys = results.of("ingest").key.parts if "ingest" in results else ()
    if len(keys) != len(context.config.source):
        return []
    sentences = []
    cleaned = _count_after_cleaning(context, keys, results.get("clean"))
    for key, source in zip(keys, context.config.source, strict=True):
        read = context.finished("ingest", StageKey.of(key))
        if read is None:
            continue
        drop_counts = Counter(read.detail.get("dropped", {})) + Counter(
            {reason: n for reason, n in cleaned.get(key, {}).items() if reason}
        )
        n_left = cleaned.get(key, {}).get("", 0) if cleaned else read.rows_out
        same = sum(drop_counts[reason] for reason in DUPLICATES)
        if not n_left and (not read.rows_in or drop_counts.total() - same > same):
            name = source.settings.get("name") or source.settings.get("paths") or source.type
            sentences.append(f"of source {name!r} no row is left of {read.rows_in}{_format_reasons(drop_counts)}")
    return sentences


def _count_after_cleaning(
    context: RunContext, keys: Sequence[str], clean: StageResult | None
) -> dict[str, dict[str, int]]:
    """Count by source the problems that [clean] dropped for each reason, and under "" those that stay.

    Returns {} where it dropped none.
    """
    if clean is None or clean.rows_in == clean.rows_out:
        return {}
    counts: dict[str, dict[str, Any]] = {key: {} for key in keys}
    for row in context.lake.rows(COUNTED, [clean.key.rows, list(keys)]):
        counts[row["pool"]][row["reason"]] = row["n"]
    return counts
