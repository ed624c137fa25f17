"""The nodes of tree searches; the texts from the root to a node are a prefix that other methods can continue."""

from assay.stores.schema import FLOAT, INT, TEXT, column, table

SCHEMA = table(
    column("search", TEXT, "searches.id", refers="searches.id"),
    column("node", INT, "from 0 = the root"),
    column("parent", INT, "node above; null at the root"),
    column("depth", INT, "steps from the root"),
    column("text", TEXT, "what this node adds to its parent's prefix"),
    column("tokens", INT, "generated tokens of this node"),
    column("visits", INT, "how many times the search passed through it"),
    column("n_correct", INT, "completions from here graded correct"),
    column("n_wrong", INT, "completions from here graded wrong"),
    column("n_truncated", INT, "completions from here that were truncated"),
    column("value", FLOAT, "estimate by the search, in [0, 1], 1 = always solved from here"),
    column("prior", FLOAT, "weight given by the policy; null if there is none"),
    column("rollout_id", TEXT, "rollouts.id of a finished leaf; null elsewhere", refers="rollouts.id", optional=True),
    made_by=("score",),
)
