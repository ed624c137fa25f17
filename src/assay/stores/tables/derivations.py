"""Problems and labels that were made from others: one row per new problem or label and problem behind it."""

import pyarrow as pa

from assay.stores.schema import FLAG, FLOAT, TEXT, column, table

SCHEMA = table(
    column(
        "synthesis_id",
        TEXT,
        "stages.key of the synthesis: one method, its settings and its evidence",
        refers="stages.key",
    ),
    column("method", TEXT, "the method of synthesis, such as compose"),
    column("rule", TEXT, "the rule of the method that made it, such as judge or choice"),
    column(
        "problem_id", TEXT, "problems.id of the new problem, or of the one that got a new label", refers="problems.id"
    ),
    column("label_id", TEXT, "labels.id of its label", refers="labels.id"),
    column(
        "parent_id",
        TEXT,
        "problems.id of a problem that it was made from; both stay on the same side of every split",
        refers="problems.id",
    ),
    column("origin", TEXT, "where the label comes from: gold = derived exactly from gold answers; vote, teacher"),
    column("confidence", FLOAT, "estimated probability that the label is correct, in [0, 1]"),
    column("verified", FLAG, "the label was computed twice or agrees with a gold answer, and the verifier can read it"),
    column("guess_floor", FLOAT, "pass rate of blind guessing, in [0, 1): 0 = an open answer, 1/k = one of k options"),
    column("parents", pa.list_(TEXT), "ids of all other rows that it was made from: attempts, gold answers"),
    made_by=("synthesize",),
)
