"""Answers to imitate or to avoid, one row per answer, each with the method that chose or made it and its origin.

A row whose `completion` is null has the text of its rollout in `completions`; the view `target_texts` joins the two.
"""

import pyarrow as pa

from assay.stores.schema import FLAG, FLOAT, INT, TEXT, TURN, column, table

SPAN = pa.struct([("begin", INT), ("end", INT)])
SCHEMA = table(
    column(
        "synthesis_id",
        TEXT,
        "stages.key of the synthesis: one method, its settings and its evidence",
        refers="stages.key",
        was="targeting",
    ),
    column("method", TEXT, "the method of synthesis, such as dart", was="rule"),
    column("problem_id", TEXT, "problems.id", refers="problems.id"),
    column(
        "rollout_id",
        TEXT,
        "rollouts.id of the attempt whose text the answer is, or from which it was made; null = from none",
        refers="rollouts.id",
        optional=True,
    ),
    column(
        "label_id",
        TEXT,
        "labels.id of the gold answer that it was verified against; null = the method used none",
        refers="labels.id",
        optional=True,
    ),
    column(
        "messages",
        pa.list_(TURN),
        "the chat that is answered, as `[policy]` renders it; null = the problem's own, rendered the same way",
    ),
    column(
        "prefix",
        TEXT,
        "a given beginning of the answer, which the completion continues and which is not trained on; null = none",
    ),
    column("completion", TEXT, "the answer; null = the text of `rollout_id`"),
    column(
        "masked",
        pa.list_(SPAN),
        "characters from `begin` up to `end` (exclusive) have no loss; null = the whole completion has",
    ),
    column("tier", INT, "order of preference, 0 = first"),
    column("wanted", INT, "number of answers that the method wants for this problem; null = no fixed number"),
    column("weight", FLOAT, "factor of its loss, 1 = unchanged"),
    column("origin", TEXT, "who wrote the answer: policy, gold, paraphrase, teacher"),
    column("confidence", FLOAT, "estimated probability that it is correct, in [0, 1]; 1 = graded correct"),
    column(
        "verified",
        FLAG,
        "the current verifier graded it correct against the label, or wrong if it is one to avoid; read other rows before "
        "you train on them",
    ),
    column("desirable", FLAG, "false = an answer to avoid, which only KTO reads; true or null = one to imitate"),
    column(
        "policy",
        TEXT,
        "revision of the weights that wrote it; null = not written by a policy",
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
