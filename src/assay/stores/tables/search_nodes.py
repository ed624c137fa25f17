"""The nodes of tree searches; the texts from the root to a node are a prefix that other methods can continue."""

from assay.stores.schema import FLOAT, INT, TEXT, column, table

SCHEMA = table(
    column("search", TEXT, "searches.id", refers="searches.id"),
    column("node", INT, "from 0 = the root"),
    column("parent", INT, "node above; null at the root"),
    column("depth", INT, "steps from the root"),
    column("text", TEXT, "what this node adds to its parent's prefix"),
    column("tokens", INT, "generated tokens of this node"),
    column("visits", INT, "times that the search passed through it"),
    column("n_correct", INT, "completions from here judged right"),
    column("n_wrong", INT, "completions from here judged wrong"),
    column("n_truncated", INT, "completions from here that were cut"),
    column("value", FLOAT, "the search's estimate, in [0, 1], 1 = always solved from here"),
    column("prior", FLOAT, "weight that the policy gave it; null where it gave none"),
    column("rollout_id", TEXT, "rollouts.id of a finished leaf; null elsewhere", refers="rollouts.id", optional=True),
    made_by=("score",),
)
