"""Policies whose weights lie behind an address: what was served there when their attempts were made."""

from assay.stores.schema import TEXT, column, table

SCHEMA = table(
    column("policy", TEXT, "the revision under which its rollouts are stored"),
    column("name", TEXT, "what the server calls it"),
    column("identity", TEXT, "JSON: the served model's root, and its greedy answers to fixed prompts"),
)
