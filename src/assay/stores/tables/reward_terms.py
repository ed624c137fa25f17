"""Reward terms other than correctness, one row per rollout and term; changing a term's settings adds rows."""

from assay.stores.schema import FLOAT, TEXT, column, table

SCHEMA = table(
    column("rollout_id", TEXT, "rollouts.id", refers="rollouts.id"),
    column("term", TEXT, "format, length, language; correctness is verdicts.reward"),
    column("version", TEXT, "hash of the term's settings, and for length of the token cap"),
    column("value", FLOAT, "before its weight: format and language in [0, 1], length in [-1, 0]; higher is better"),
    made_by=("score", "train"),
)
