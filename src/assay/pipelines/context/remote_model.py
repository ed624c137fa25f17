"""Check before the first new attempt of a run that a served policy is still the one whose attempts the lake holds.

What makes no attempt does not come here, and works while the server is off (`known_policy`).
"""

from collections.abc import Mapping

from assay.core.errors import ConfigError, EngineError
from assay.core.identity import canonical_json, content_id
from assay.pipelines.context.run import RunContext, parse_json


def served_identity(context: RunContext) -> Mapping[str, str] | None:
    """Return what identifies the served policy now (`core.ports.Served`).

    Returns:
        None for weights on this machine, and where the config states the policy's revision.
    """
    if context.config.policy.revision or not hasattr(type(context.engine), "identity"):
        return None
    return context.engine.identity  # type: ignore[attr-defined,no-any-return]


def policy_rows(context: RunContext) -> list[dict[str, str]]:
    """Return the policy's row for `policies`; no row where it is not served."""
    if (identity := served_identity(context)) is None:
        return []
    policy = context.engine.policy
    key = content_id("policy", policy.revision, policy.name)
    return [{"id": key, "policy": policy.revision, "name": policy.name, "identity": canonical_json(dict(identity))}]


def require_stored_policy(context: RunContext) -> None:
    """Check that a served policy is the one that the lake knows under its name, if it knows any.

    Raises:
        ConfigError: the server has another checkpoint than before.
        EngineError: no server answers.
    """
    if (identity := served_identity(context)) is None:
        return
    policy = context.engine.policy
    identities = {
        row["policy"]: parse_json(row["identity"])
        for row in context.lake.rows("SELECT * FROM policies WHERE name = ? ORDER BY id", [policy.name])
    }
    if not identities or policy.revision in identities:
        if policy.revision != context.policy.revision:  # a server came up, or was changed, after this run had begun
            raise EngineError(
                f"{policy.name!r} has the revision {policy.revision!r}, and this run began with "
                f"{context.policy.revision!r}; run the same command again to start over"
            )
        return
    revision, before = next(reversed(identities.items()))
    differing = [name for name, value in identity.items() if before.get(name) != value]
    first = differing[0]
    raise ConfigError(
        f"{policy.name!r} is not the checkpoint whose attempts the lake holds: "
        f"{len(differing)} of {len(identity)} answers differ, "
        f"first {first!r}: {identity[first]!r}, was {before.get(first)!r}; "
        f"set policy.revision = {policy.revision!r} if a new policy is meant, "
        f"{revision!r} if you know it to be the old one"
    )
