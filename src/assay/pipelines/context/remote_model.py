"""A policy behind an address: at each start it must be the one whose attempts the lake holds."""

from collections.abc import Mapping

from assay.core.errors import ConfigError
from assay.core.identity import canonical_json, content_id
from assay.pipelines.context.run import RunContext, parse_json


def served_identity(context: RunContext) -> Mapping[str, str] | None:
    """What is served now (`core.ports.Served`); None for weights on this machine, and where the plan's revision vouches for them."""
    if context.config.policy.revision or not hasattr(type(context.engine), "identity"):
        return None
    return context.engine.identity  # type: ignore[attr-defined,no-any-return]


def policy_rows(context: RunContext) -> list[dict[str, str]]:
    """The policy's row in `policies`, or none."""
    if (found := served_identity(context)) is None:
        return []
    policy = context.engine.policy
    key = content_id("policy", policy.revision, policy.name)
    return [{"id": key, "policy": policy.revision, "name": policy.name, "identity": canonical_json(dict(found))}]


def require_stored_policy(context: RunContext) -> None:
    """Passes where the lake holds no attempts of a served policy of this name, or those of this very one.

    Raises:
        ConfigError: the server was restarted with another checkpoint.
    """
    if (found := served_identity(context)) is None:
        return
    policy = context.engine.policy
    stored = {
        row["policy"]: parse_json(row["identity"])
        for row in context.lake.rows("SELECT * FROM policies WHERE name = ? ORDER BY id", [policy.name])
    }
    if not stored or policy.revision in stored:
        return
    revision, before = next(reversed(stored.items()))
    differing = [name for name, value in found.items() if before.get(name) != value]
    first = differing[0]
    raise ConfigError(
        f"{policy.name!r} is another checkpoint than the one whose attempts the lake holds: {len(differing)} of {len(found)} answers differ, "
        f"first {first!r}: {found[first]!r}, was {before.get(first)!r}; set policy.revision = {policy.revision!r} if a new policy is meant, "
        f"{revision!r} if you know it to be the old one"
    )
