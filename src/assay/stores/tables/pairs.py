"""Preferences: of two continuations of one problem, or of one beginning of an answer, which is better.

A row whose texts are null has those of the rollouts in `completions`; the view `pair_texts` joins them.
"""

import pyarrow as pa

from assay.stores.schema import FLAG, FLOAT, TEXT, TURN, column, table

SIDES = "rollouts.id or search_nodes.id or labels.id"
SCHEMA = table(
    column(
        "synthesis_id",
        TEXT,
        "stages.key of the synthesis: one method, its settings and its evidence",
        refers="stages.key",
        was="pairing",
    ),
    column("method", TEXT, "the method of synthesis, such as tree_pairs"),
    column("rule", TEXT, "the rule of the method that paired them, such as sibling or q_gap"),
    column("problem_id", TEXT, "problems.id", refers="problems.id"),
    column(
        "prefix_id",
        TEXT,
        "search_nodes.id from which both continue; null = the problem itself, or a given beginning that is not from a "
        "tree",
        refers="search_nodes.id",
        optional=True,
    ),
    column(
        "messages",
        pa.list_(TURN),
        "the chat that is answered, as `[policy]` renders it; null = the problem's own, rendered the same way",
    ),
    column("prefix", TEXT, "the given beginning of the answer, which both continue; null = none"),
    column("chosen", TEXT, "rollouts.id, search_nodes.id or labels.id of the better one", refers=SIDES),
    column("rejected", TEXT, "rollouts.id, search_nodes.id or labels.id of the worse one", refers=SIDES),
    column("chosen_text", TEXT, "text of the better one; null = the text of that rollout"),
    column("rejected_text", TEXT, "text of the worse one; null = the text of that rollout"),
    column("margin", FLOAT, "difference of their values, above 0 = chosen is better; null = the rule gives none"),
    column("soft_label", FLOAT, "probability that chosen is better, in [0, 1]; null = 1"),
    column(
        "label_id",
        TEXT,
        "labels.id of the gold answer that both were verified against; null = the method used none",
        refers="labels.id",
        optional=True,
    ),
    column("origin", TEXT, "who wrote the two: policy = the same policy; mixed = different policies or people"),
    column("confidence", FLOAT, "estimated probability that chosen is correct and rejected is not, in [0, 1]"),
    column(
        "verified",
        FLAG,
        "the current verifier graded chosen correct and rejected not correct, or every completion from there",
    ),
    column(
        "policy",
        TEXT,
        "revision of the weights that wrote both; null = different writers",
        refers="policies.policy",
        optional=True,
    ),
    column(
        "parents",
        pa.list_(TEXT),
        "ids of everything that it was made from: attempts, gold answers, problems, tree nodes",
    ),
    column(
        "side", TEXT, "side of the split of its problem; always train, because nothing is made from held-out problems"
    ),
    made_by=("synthesize",),
)
