"""Problems whose requests a server refused, kept with its words, since asking again would end the same way.

A refusal is no attempt. It is a drop of the stage `score` under a key of policy and sampler. The stage is done
nevertheless, and selection finds such a problem unscored.
"""

from collections.abc import Collection, Mapping

from assay.core.identity import content_id
from assay.core.types import Drop, Policy, SamplingConfig
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.drops import drop_row

REASON = "refused"


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
