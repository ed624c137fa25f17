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
        "problems.id of a problem that it was made from; the new problem stays on that one's side of every split",
        refers="problems.id",
    ),
    column("origin", TEXT, "who says that the label is right: gold = derived from gold answers exactly; vote, teacher"),
    column("confidence", FLOAT, "probability that the label is right, in [0, 1], by the method's estimate"),
    column(
        "verified", FLAG, "the label was computed a second time, or a gold answer agrees; and the verifier reads it"
    ),
    column("guess_floor", FLOAT, "pass rate of blind guessing, in [0, 1): 0 = an open answer, 1/k = one of k options"),
    column("parents", pa.list_(TEXT), "ids of all further rows that it was made from: attempts, gold answers"),
    made_by=("synthesize",),
)
