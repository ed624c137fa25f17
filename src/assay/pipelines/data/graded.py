"""Stored attempts with their present verdicts, problem by problem, a slice of the pool at a time."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter

from assay.core.synthesis import AttemptedProblem, GradedAttempt
from assay.core.types import Label
from assay.pipelines.context.imported import list_imported_verifiers
from assay.pipelines.context.results import StageResults
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.problems import side_labels

SLICE = 20_000  # problems in memory at once
WANTED = """
SELECT unnest(?::VARCHAR[]) AS problem_id, unnest(?::VARCHAR[]) AS label_id, unnest(?::VARCHAR[]) AS version
"""
GRADED = f"""
SELECT r.problem_id, r.id, r.sample, counted(v.outcome, v.lenient, ?) AS outcome, coalesce(v.extracted, '') AS answer,
       r.tokens, {{text}} AS text, md5(trim(t.text)) AS digest, r.policy
FROM ({WANTED}) w JOIN attempts r ON r.problem_id = w.problem_id
JOIN verdicts v ON v.rollout_id = r.id AND v.label_id = w.label_id AND v.verifier || '@' || v.version = w.version
JOIN completions t ON t.id = r.id
WHERE r.policy = ? AND r.sampler = ? AND NOT r.guided
ORDER BY r.problem_id, r.sample
"""
TALLIES = f"""
SELECT r.problem_id, count(*) FILTER (counted(v.outcome, v.lenient, ?) = 'correct') AS n_correct,
       count(DISTINCT CASE WHEN counted(v.outcome, v.lenient, ?) = 'correct' THEN md5(trim(t.text)) END) AS distinct_correct,
       count(*) AS n
FROM ({WANTED}) w JOIN attempts r ON r.problem_id = w.problem_id
JOIN verdicts v ON v.rollout_id = r.id AND v.label_id = w.label_id AND v.verifier || '@' || v.version = w.version
JOIN completions t ON t.id = r.id
WHERE r.policy = ? AND r.sampler = ? AND NOT r.guided GROUP BY ALL
"""
FINGERPRINT = f"""
SELECT count(*) AS n, bit_xor(md5_number_lower(v.id || counted(v.outcome, v.lenient, ?)))::VARCHAR AS hash
FROM ({WANTED}) w JOIN attempts r ON r.problem_id = w.problem_id
JOIN verdicts v ON v.rollout_id = r.id AND v.label_id = w.label_id AND v.verifier || '@' || v.version = w.version
WHERE r.policy = ? AND r.sampler = ? AND NOT r.guided
"""


def iterate_attempted(
    context: RunContext,
    inputs: StageResults,
    ids: Sequence[str],
    respondent: tuple[str, str],
    *,
    texts: bool = False,
) -> Iterator[AttemptedProblem]:
    """Yield problems of the train side with their judged attempts, in the order of the ids.

    Args:
        context: the run.
        inputs: with the results up to `split`.
        ids: problem ids, ascending.
        respondent: policy revision and sampler id of the attempts.
        texts: whether completions are read.
    """
    for start in range(0, len(ids), SLICE):
        labels = side_labels(context, inputs, "train", ids[start : start + SLICE])
        yield from read_attempted(context, labels, respondent, texts=texts)


def read_attempted(
    context: RunContext, labels: Mapping[str, Label], respondent: tuple[str, str], *, texts: bool = False
) -> Iterator[AttemptedProblem]:
    """Yield the problems of these labels with their judged attempts, ids ascending.

    Args:
        context: the run.
        labels: by problem id.
        respondent: policy revision and sampler id of the attempts.
        texts: whether completions are read.
    """
    query = GRADED.format(text="t.text" if texts else "''")
    table = context.lake.query(query, [context.mode, *wanted_verdicts(context, labels, respondent), *respondent])
    columns = [table[name].to_pylist() for name in table.column_names[1:]]
    rows = zip(table["problem_id"].to_pylist(), map(GradedAttempt._make, zip(*columns, strict=True)), strict=True)
    attempts = {id_: [row[1] for row in group] for id_, group in groupby(rows, key=itemgetter(0))}
    for id_, label in sorted(labels.items()):
        yield AttemptedProblem(id_, label, attempts.get(id_, []))


def tally_attempts(
    context: RunContext, inputs: StageResults, ids: Sequence[str], respondent: tuple[str, str], *, distinct: bool
) -> dict[str, tuple[int, int]]:
    """Count right answers and attempts by problem id; a problem without attempts is absent.

    Args:
        context: the run.
        inputs: with the results up to `split`.
        ids: of problems of the train side.
        respondent: policy revision and sampler id of the attempts.
        distinct: whether equal right answers count once.
    """
    tallies: dict[str, tuple[int, int]] = {}
    for start in range(0, len(ids), SLICE):
        labels = side_labels(context, inputs, "train", ids[start : start + SLICE])
        wanted = wanted_verdicts(context, labels, respondent)
        table = context.lake.query(TALLIES, [context.mode, context.mode, *wanted, *respondent])
        names = ("problem_id", "distinct_correct" if distinct else "n_correct", "n")
        columns = [table[name].to_pylist() for name in names]
        tallies.update((id_, (right, n)) for id_, right, n in zip(*columns, strict=True))
    return tallies


def attempts_fingerprint(
    context: RunContext, inputs: StageResults, ids: Sequence[str], respondent: tuple[str, str]
) -> list[str]:
    """Return what identifies the judged attempts at the problems, whatever their order."""
    labels = side_labels(context, inputs, "train", ids)
    row = context.lake.rows(FINGERPRINT, [context.mode, *wanted_verdicts(context, labels, respondent), *respondent])[0]
    return [str(row["n"]), str(row["hash"])]


def wanted_verdicts(context: RunContext, labels: Mapping[str, Label], respondent: tuple[str, str]) -> list[list[str]]:
    """Return the parameters of `WANTED`: problems, their labels, and `name@version` of the verdicts that count.

    Of imported attempts these are the verdicts that came with them, where any did.
    """
    may_be_imported = context.imported is not None or context.config.synthesize.policy
    imported = list_imported_verifiers(context.lake, *respondent) if may_be_imported else []
    verifiers = {label.verifier for label in labels.values()}
    versions = {name: imported[0] if imported else f"{name}@{context.judge.version(name)}" for name in verifiers}
    return [
        list(labels),
        [label.id for label in labels.values()],
        [versions[label.verifier] for label in labels.values()],
    ]
