"""The policy of a config as the lake knows it, so that what makes no attempt needs no server."""

from assay.core.identity import canonical_json
from assay.core.policy_config import PolicyConfig
from assay.core.types import Policy
from assay.stores.lake import Lake

BY_NAME = "SELECT DISTINCT policy, name FROM policies WHERE name = ?"
# The server's only model, whose name the config leaves out: what earlier runs of the same [policy] table attempted
# with.
BY_RUNS = """
SELECT DISTINCT p.policy, p.name FROM policies p JOIN runs r ON r.policy = p.policy
WHERE json_extract_string(r.plan, '$.policy.engine') = ? AND json_extract_string(r.plan, '$.policy.model') = ''
  AND coalesce(CAST(json_extract(r.plan, '$.policy.urls') AS VARCHAR), '') = ?
"""


def known_policy(lake: Lake, config: PolicyConfig) -> Policy | None:
    """Return the served policy whose attempts the lake holds for a config.

    Args:
        lake: where attempts are stored.
        config: `[policy]` of the config, whose engine is a server.

    Returns:
        The policy; None where the lake knows none of that name, or several, between which only the server can decide.
    """
    if config.model:
        rows = lake.rows(BY_NAME, [config.model])
    else:
        urls = config.settings.get("urls")
        rows = lake.rows(BY_RUNS, [config.engine, canonical_json(urls) if urls is not None else ""])
    return Policy(rows[0]["name"], rows[0]["policy"]) if len(rows) == 1 else None
