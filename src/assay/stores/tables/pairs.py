"""Preferences: of two continuations of one problem or prefix, which is better."""

from assay.stores.schema import FLOAT, TEXT, column, table

SCHEMA = table(
    column("pairing", TEXT, "hash of the rule, its settings and its evidence"),
    column("problem_id", TEXT, "problems.id", refers="problems.id"),
    column(
        "prefix_id",
        TEXT,
        "search_nodes.id from which both go on; null = the problem itself",
        refers="search_nodes.id",
        optional=True,
    ),
    column("chosen", TEXT, "rollouts.id or search_nodes.id of the better one", refers="rollouts.id or search_nodes.id"),
    column(
        "rejected", TEXT, "rollouts.id or search_nodes.id of the worse one", refers="rollouts.id or search_nodes.id"
    ),
    column("rule", TEXT, "the rule that paired them"),
    column("margin", FLOAT, "difference of their values, above 0 = chosen is better; null = the rule gives none"),
    column("soft_label", FLOAT, "probability that chosen is better, in [0, 1]; null = 1"),
    made_by=("synthesis",),
    restored=False,
)
