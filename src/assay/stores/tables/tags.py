"""Releases: a name for what a config's pool, labels, rates and selection were at one moment; never edited."""

from assay.stores.schema import FLOAT, INT, TEXT, column, table

SCHEMA = table(
    column("tag", TEXT, "the release's name, unique in a lake"),
    column("content", TEXT, "hash of all its rows in `tag_rows`, apart from its name"),
    column("config", TEXT, "JSON of the whole config"),
    column("policy", TEXT, "revision of the policy whose rates these are", refers="policies.policy", optional=True),
    column("policy_name", TEXT, "readable name of that revision"),
    column("sampler", TEXT, "sampling_configs.id", refers="sampling_configs.id", optional=True),
    column("scoring_id", TEXT, "scores.scoring_id"),
    column("selection_id", TEXT, "selections.selection_id"),
    column("problems", INT, "problems of the release, held-out ones included"),
    column("kept", INT, "how many of them are selected"),
    column("note", TEXT, "the note given to `curate tag`"),
    column("time", FLOAT, "seconds since 1970, UTC"),
    made_by=("tag",),
    forget="keep",
)
