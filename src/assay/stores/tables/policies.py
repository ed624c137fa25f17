"""Policies that a server at an address runs, with what identified its model when their attempts were made."""

from assay.stores.schema import TEXT, column, table

SCHEMA = table(
    column("policy", TEXT, "the revision under which its rollouts are stored", refers="policies.policy"),
    column("name", TEXT, "the server's name for it", refers="policies.name"),
    column("identity", TEXT, "JSON: the served model's root, and its greedy answers to fixed prompts"),
    made_by=("score",),
    restored=False,
)
