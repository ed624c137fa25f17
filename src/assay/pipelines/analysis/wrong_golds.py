"""Judge stored attempts against other problems' gold answers: what is accepted there is accepted wrongly.

No token is generated and nothing is stored. An attempt that is right for its own problem and accepted for another gold
answer is the verifier's error. One that is wrong for its own may agree by chance, as often as a constant guess would
where few answers are usual; both are rewards that a policy can earn without solving anything.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from assay.core.errors import ConfigError
from assay.core.identity import content_id
from assay.core.types import GradingCase, Label, Problem
from assay.filters.conflicting_labels import golds_key
from assay.filters.unverifiable import gold_rollouts
from assay.maths.beta.posterior import interval
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import read_cleaned_problems
from assay.pipelines.runner.stages import run_stages
from assay.pipelines.sampling.attempts import stored_rollouts
from assay.pipelines.stages.regrade import PRESENT, present_parameters

CANDIDATES = 4  # other gold answers per attempt that are tried before it is left out
EXAMPLES = 3  # accepted ones that are shown per source
JUDGED = f"""
SELECT v.rollout_id, v.problem_id, any_value(v.counts) = 'correct' AS accepted FROM judged_attempts(?) v
JOIN ({PRESENT}) w ON w.label_id = v.label_id AND w.verifier = v.verifier AND w.version = v.version
WHERE v.counts IN ('correct', 'wrong') GROUP BY ALL ORDER BY v.rollout_id
"""
Pair = tuple[Label, Label]  # an attempt's own gold answer, and another problem's


def judge_wrong_golds(context: RunContext, size: int, seed: int = 0) -> list[dict[str, Any]]:
    """Judge a sample of stored attempts against gold answers of other problems of their source.

    Args:
        context: the run.
        size: at most so many attempts right for their own problem, and so many wrong ones, per source and verifier.
        seed: the same pairs are drawn for the same seed.

    Returns:
        One row per source and verifier: of the right and of the wrong attempts how many were judged (`n_right`,
        `n_wrong`) and accepted (`right_accepted`, `wrong_accepted`), the share of all that were accepted (`rate`)
        with its 95% interval (`low`, `high`), and `examples` of accepted ones.

    Raises:
        ConfigError: nothing is judged yet.
    """
    problems, labels = read_cleaned_problems(context, run_stages(context, "clean", only=True))
    rows = context.lake.rows(JUDGED, [context.mode, *present_parameters(context, labels.values())])
    if not rows:
        raise ConfigError("there are no verdicts by the current labels and verifiers: run `curate score CONFIG` first")
    return [
        _judge_group(context, source, verifier, group, problems, labels, size, seed)
        for (source, verifier), group in sorted(_group(rows, problems, labels).items())
    ]


def _group(
    rows: Sequence[dict[str, Any]], problems: Mapping[str, Problem], labels: Mapping[str, Label]
) -> dict[tuple[str, str], list[dict[str, Any]]]:
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        key = problems[row["problem_id"]].source, labels[row["problem_id"]].verifier
        groups.setdefault(key, []).append(row)
    return groups


def _judge_group(
    context: RunContext,
    source: str,
    verifier: str,
    rows: Sequence[dict[str, Any]],
    problems: Mapping[str, Problem],
    labels: Mapping[str, Label],
    size: int,
    seed: int,
) -> dict[str, Any]:
    drawn_rows = [
        row
        for accepted in (True, False)
        for row in sorted(
            (row for row in rows if row["accepted"] is accepted),
            key=lambda row: content_id("wrong-golds", seed, row["rollout_id"]),
        )[:size]
    ]
    golds = [
        labels[id_] for id_ in sorted(labels) if problems[id_].source == source and labels[id_].verifier == verifier
    ]
    others = _choose_golds(context, [labels[row["problem_id"]] for row in drawn_rows], golds, problems, seed)
    texts = {
        rollout.id: rollout for rollout in stored_rollouts(context, sorted({row["rollout_id"] for row in drawn_rows}))
    }
    cases, kinds = [], []
    for row, other in zip(drawn_rows, others, strict=True):
        if other is not None:
            wrong_gold = Label.of(row["problem_id"], other.answer, verifier=verifier, origin="wrong")
            cases.append(GradingCase(problems[row["problem_id"]], wrong_gold, texts[row["rollout_id"]]))
            kinds.append(row["accepted"])
    is_accepted = [verdict.in_mode(context.mode).outcome == "correct" for verdict in context.judge.judge(cases)]
    return {"source": source, "verifier": verifier, **_count(cases, kinds, is_accepted, labels)}


def _count(
    cases: Sequence[GradingCase], kinds: Sequence[bool], accepted: Sequence[bool], labels: Mapping[str, Label]
) -> dict[str, Any]:
    total = sum(accepted)
    low, high = interval(total, len(cases) - total)
    counts: dict[str, int] = {}
    for name, kind in (("right", True), ("wrong", False)):
        own = [is_accepted for own_kind, is_accepted in zip(kinds, accepted, strict=True) if own_kind is kind]
        counts |= {f"n_{name}": len(own), f"{name}_accepted": sum(own)}
    shown = [case for case, is_accepted in zip(cases, accepted, strict=True) if is_accepted][:EXAMPLES]
    examples = [
        {
            "problem_id": case.problem.id,
            "own_gold": labels[case.problem.id].answer[:80],
            "other_gold": case.label.answer[:80],
            "answer": case.rollout.text[-120:],
        }
        for case in shown
    ]
    rate = total / len(cases) if cases else None
    return {**counts, "rate": rate, "low": float(low), "high": float(high), "examples": examples}


def _choose_golds(
    context: RunContext, own: Sequence[Label], golds: Sequence[Label], problems: Mapping[str, Problem], seed: int
) -> list[Label | None]:
    """Return per attempt another gold answer that differs from its own; None where none was found.

    Two gold answers differ where their values, their normal forms and the verifier say so: stated in its usual forms,
    neither is accepted for the other, strictly or leniently.
    """
    keys = {label.id: golds_key((problems[label.problem_id], label)) for label in golds}
    candidates = [_candidates(label, golds, keys, place, seed) for place, label in enumerate(own)]
    pairs = {(label, other) for label, others in zip(own, candidates, strict=True) for other in others}
    equal = _equal_pairs(context, sorted(pairs, key=lambda pair: (pair[0].id, pair[1].id)), problems)
    return [
        next((other for other in others if (label, other) not in equal), None)
        for label, others in zip(own, candidates, strict=True)
    ]


def _candidates(label: Label, golds: Sequence[Label], keys: Mapping[str, object], place: int, seed: int) -> list[Label]:
    """Return a few other gold answers of another key, from a place in the list that chance decides."""
    start = int(content_id("wrong-gold", seed, label.id, place), 16) % max(len(golds), 1)
    candidates: list[Label] = []
    for step in range(len(golds)):
        other = golds[(start + step) % len(golds)]
        if keys[other.id] != keys[label.id]:
            candidates.append(other)
        if len(candidates) == CANDIDATES:
            break
    return candidates


def _equal_pairs(context: RunContext, pairs: Sequence[Pair], problems: Mapping[str, Problem]) -> set[Pair]:
    """Return the pairs of which the verifier accepts one gold answer, in a usual form, for the other."""
    cases, origins = [], []
    for pair in pairs:
        for gold, stated in (pair, pair[::-1]):
            for rollout in gold_rollouts(stated):
                cases.append(GradingCase(problems[gold.problem_id], gold, rollout))
                origins.append(pair)
    verdicts = context.judge.judge(cases)
    return {
        pair for pair, verdict in zip(origins, verdicts, strict=True) if "correct" in (verdict.outcome, verdict.lenient)
    }
