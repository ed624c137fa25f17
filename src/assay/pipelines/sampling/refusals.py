"""Problems whose requests a server refused, kept with its words, since asking again would end the same way.

A refusal is no attempt. It is a drop of the stage `score` under a key of policy and sampler. The stage is done
nevertheless, and selection finds such a problem unscored.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from assay.core.identity import content_id
from assay.core.types import Drop, Policy, Rollout, SamplingConfig
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.drops import drop_row

REASON = "refused"
TEXTS_SHOWN = 3  # different ones


def refusals_key(policy: Policy, sampler: SamplingConfig) -> str:
    """Return the key of the refusals under a policy and a sampler."""
    return content_id("refused", policy.revision, sampler.id)


def known_refusals(
    context: RunContext, policy: Policy, sampler: SamplingConfig, ids: Collection[str]
) -> dict[str, str]:
    """Return the server's words by problem for those of `ids` that were refused before; {} where the run asks again."""
    if context.retry_refused:
        return {}
    rows = context.lake.rows("SELECT problem_id, detail FROM drops WHERE key = ?", [refusals_key(policy, sampler)])
    return {row["problem_id"]: row["detail"] for row in rows if row["problem_id"] in ids}


def keep_refusals(context: RunContext, policy: Policy, sampler: SamplingConfig, texts: Mapping[str, str]) -> None:
    """Store the server's words by problem."""
    key = refusals_key(policy, sampler)
    context.append({"drops": [drop_row(Drop("score", REASON, id_, text), key) for id_, text in sorted(texts.items())]})


def count_refused(context: RunContext, policy: Policy, sampler: SamplingConfig) -> int:
    """Count the problems that were refused under this policy and sampler."""
    query = "SELECT count(DISTINCT problem_id)::BIGINT AS n FROM drops WHERE key = ?"
    return int(context.lake.rows(query, [refusals_key(policy, sampler)])[0]["n"])


def report_refusals(context: RunContext, refused: Sequence[Rollout], *, keep: bool) -> dict[str, str]:
    """Report the server's commonest words, and when these requests are sent again; return its words by problem.

    Args:
        context: the run.
        refused: samples whose requests were refused.
        keep: whether the refusals are stored.
    """
    then = "--retry-refused asks again" if keep else "the next run asks again"
    for text, count in Counter(rollout.refused for rollout in refused).most_common(TEXTS_SHOWN):
        context.reporter.warn(f"{count} requests were refused and are no attempts, {then}; {text}")
    return {rollout.problem_id: rollout.refused for rollout in refused}
