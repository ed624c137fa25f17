"""Attempts split into steps, each with the share of correct completions that continue after it."""

import pyarrow as pa

from assay.stores.schema import FLAG, FLOAT, INT, TEXT, column, table

STEP = pa.struct([("text", TEXT), ("n", INT), ("n_correct", INT), ("value", FLOAT)])
SCHEMA = table(
    column(
        "synthesis_id",
        TEXT,
        "stages.key of the synthesis: one method, its settings and its evidence",
        refers="stages.key",
    ),
    column("method", TEXT, "the method of synthesis, such as step_pairs; imported = the labels came from a file"),
    column("problem_id", TEXT, "problems.id", refers="problems.id"),
    column(
        "rollout_id",
        TEXT,
        "rollouts.id of the attempt that was split into steps; null = a path of a tree",
        refers="rollouts.id",
        optional=True,
    ),
    column(
        "steps",
        pa.list_(STEP),
        "the steps in order, which together are the answer: text with its delimiter, completions from behind it, right "
        "ones of them (null = imported), and the share that was right in [0, 1] (null = none was completed from there)",
    ),
    column("correct", FLAG, "the current verifier graded the whole answer correct; null = the answer has no verdict"),
    column(
        "policy",
        TEXT,
        "revision of the weights that wrote and completed it",
        refers="policies.policy",
        optional=True,
    ),
    column("parents", pa.list_(TEXT), "ids of all that it was made from: attempts, tree nodes"),
    column(
        "side", TEXT, "side of the split of its problem; always train, because nothing is made from held-out problems"
    ),
    made_by=("synthesize",),
)
